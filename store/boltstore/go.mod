module github.com/reecho-go/reecho/store/boltstore

go 1.26.0

require (
	github.com/reecho-go/reecho v0.0.0
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)

replace github.com/reecho-go/reecho => ../../
