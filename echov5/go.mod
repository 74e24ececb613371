module github.com/reecho-go/reecho/echov5

go 1.26.0

require (
	github.com/labstack/echo/v5 v5.4.5
	github.com/reecho-go/reecho v0.0.0
)

require (
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/reecho-go/reecho => ../
