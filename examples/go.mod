module github.com/reecho-go/reecho/examples

go 1.26.0

require (
	github.com/reecho-go/reecho v0.0.0
	github.com/reecho-go/reecho/store/boltstore v0.0.0
	github.com/reecho-go/reecho/store/redisstore v0.0.0
)

require (
	github.com/google/go-cmp v0.7.0
	modernc.org/sqlite v1.61.1
)

require (
	github.com/chromedp/cdproto v0.159.2
	github.com/chromedp/chromedp v0.23.0
	github.com/labstack/echo/v4 v4.16.4
	github.com/redis/rueidis v1.0.79
	golang.org/x/text v0.44.0
	golang.org/x/time v0.15.0
)

require (
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.16 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace github.com/reecho-go/reecho => ../

replace github.com/reecho-go/reecho/store/boltstore => ../store/boltstore

replace github.com/reecho-go/reecho/store/redisstore => ../store/redisstore
