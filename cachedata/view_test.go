package cachedata_test

import "unsafe"

// view returns b as a string without a copy, as some routers do.
func view(b []byte) stringKey { return stringKey(unsafe.String(unsafe.SliceData(b), len(b))) }
