module github.com/reecho-go/reecho/cachedata/contracts

go 1.26.0

require (
	cloud.google.com/go v0.123.0
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/Rhymond/go-money v1.0.15
	github.com/RoaringBitmap/roaring/v2 v2.30.0
	github.com/bahlo/generic-list-go v0.2.0
	github.com/bits-and-blooms/bitset v1.29.0
	github.com/bits-and-blooms/bloom/v3 v3.7.1
	github.com/bojanz/currency v1.5.1
	github.com/cockroachdb/apd/v3 v3.2.3
	github.com/deckarep/golang-set/v2 v2.9.0
	github.com/elliotchance/orderedmap/v3 v3.1.1
	github.com/emirpasic/gods v1.18.1
	github.com/gofrs/uuid/v5 v5.5.1
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/google/btree v1.1.3
	github.com/google/uuid v1.6.0
	github.com/govalues/decimal v0.1.36
	github.com/guregu/null/v6 v6.0.0
	github.com/hashicorp/go-version v1.9.0
	github.com/holiman/uint256 v1.3.2
	github.com/iancoleman/orderedmap v0.3.0
	github.com/jackc/pgx/v5 v5.13.0
	github.com/oklog/ulid/v2 v2.1.2
	github.com/paulmach/orb v0.14.0
	github.com/reecho-go/reecho v0.0.0
	github.com/rs/xid v1.6.0
	github.com/samber/mo v1.16.0
	github.com/segmentio/ksuid v1.0.4
	github.com/shopspring/decimal v1.4.0
	github.com/tidwall/gjson v1.20.3
	github.com/valyala/fastjson v1.6.10
	github.com/wk8/go-ordered-map/v2 v2.1.8
	go.mongodb.org/mongo-driver/v2 v2.10.0
	go.uber.org/zap v1.28.0
	golang.org/x/text v0.44.0
	google.golang.org/protobuf v1.36.12
	gopkg.in/yaml.v3 v3.0.1
	gorm.io/gorm v1.31.2
)

require (
	github.com/buger/jsonparser v1.1.1 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/mailru/easyjson v0.7.7 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/mitchellh/hashstructure/v2 v2.0.2 // indirect
	github.com/mschoch/smat v0.2.0 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.3.0 // indirect
	go.mongodb.org/mongo-driver v1.17.4 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)

replace github.com/reecho-go/reecho => ../..
