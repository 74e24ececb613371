module github.com/reecho-go/reecho/examples

go 1.26.0

require github.com/reecho-go/reecho v0.0.0

replace github.com/reecho-go/reecho => ../
