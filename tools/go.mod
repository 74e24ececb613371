module github.com/reecho-go/reecho/tools

go 1.26.0
