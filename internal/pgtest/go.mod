module github.com/reecho-go/reecho/internal/pgtest

go 1.26.0

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/reecho-go/reecho v0.0.0
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace github.com/reecho-go/reecho => ../..
