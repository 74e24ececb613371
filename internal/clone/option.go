package clone

import "github.com/jinzhu/copier"

// Option are copier's options, named here so that no other package needs to
// import copier.
type Option = copier.Option
