package clone

import (
	"fmt"
	"reflect"
)

// waysOut ends every refusal: what the developer can do about it.
const waysOut = "set Funcs.Clone to copy it yourself, Config.Copy.ReadOnly to share it unmodified, or keep it in a cacheresource"

// TypeError names one place in a type that cannot be copied exactly.
type TypeError struct {
	Path   string       // from the root type's name: .Field, [] for elements and map values, [key] for map keys
	Type   reflect.Type // the type found there
	Reason string       // why it cannot be copied
}

// Error describes the place, the reason and the ways out.
func (e *TypeError) Error() string {
	return fmt.Sprintf("clone: %s (%s) cannot be copied: %s; %s", e.Path, e.Type, e.Reason, waysOut)
}

// ValueError says why one value could not be copied although its type can be.
type ValueError struct {
	Root   reflect.Type // the type of the value that was to be copied
	Path   string       // the place inside the dynamic type Type; empty for limits
	Type   reflect.Type // the dynamic type, or the type at which a limit was reached
	Reason string
}

// Error describes the value and the reason.
func (e *ValueError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("clone: value of type %s cannot be copied: at %s: %s", e.Root, e.Type, e.Reason)
	}
	return fmt.Sprintf("clone: value of type %s cannot be copied: an interface holds %s: %s: %s; %s", e.Root, e.Type, e.Path, e.Reason, waysOut)
}
