module github.com/reecho-go/reecho/examples/echov5

go 1.26.0

require (
	github.com/labstack/echo/v5 v5.4.5
	github.com/redis/rueidis v1.0.79
	github.com/reecho-go/reecho v0.0.0
	github.com/reecho-go/reecho/echov5 v0.0.0
	github.com/reecho-go/reecho/store/boltstore v0.0.0
	github.com/reecho-go/reecho/store/redisstore v0.0.0
	golang.org/x/time v0.15.0
)

require (
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace (
	github.com/reecho-go/reecho => ../../
	github.com/reecho-go/reecho/echov5 => ../../echov5
	github.com/reecho-go/reecho/store/boltstore => ../../store/boltstore
	github.com/reecho-go/reecho/store/redisstore => ../../store/redisstore
)
