module github.com/reecho-go/reecho/tools/lint

go 1.26.0

require (
	github.com/ryanrolds/sqlclosecheck v0.6.0
	github.com/timakin/bodyclose v0.0.0-20260723120731-857993a2939c
	golang.org/x/tools v0.52.0
	honnef.co/go/tools v0.8.2
)

require (
	4d63.com/gocheckcompilerdirectives v1.4.0
	codeberg.org/polyfloyd/go-errorlint v1.9.0
	github.com/Antonboom/errname v1.1.2
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/alexkohler/nakedret/v2 v2.0.6
	github.com/breml/bidichk v0.3.4
	github.com/charithe/durationcheck v0.0.11
	github.com/curioswitch/go-reassign v0.3.0
	github.com/golangci/misspell v0.8.0
	github.com/gordonklaus/ineffassign v0.2.0
	github.com/gostaticanalysis/analysisutil v0.7.1 // indirect
	github.com/gostaticanalysis/comment v1.5.0 // indirect
	github.com/gostaticanalysis/nilerr v0.1.2
	github.com/kisielk/errcheck v1.30.0
	github.com/ldez/usetesting v0.5.0
	github.com/maratori/testableexamples v1.0.1
	github.com/nishanths/predeclared v0.3.0
	github.com/sashamelentyev/usestdlibvars v1.29.0
	github.com/sonatard/noctx v0.5.1
	go.augendre.info/fatcontext v0.10.1
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools/go/packages/packagestest v0.1.1-deprecated // indirect
)
