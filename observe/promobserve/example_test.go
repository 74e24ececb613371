package promobserve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/reecho-go/reecho/observe/promobserve"
)

func Example() {
	metrics, err := promobserve.New(promobserve.Config{}) // the default groups
	if err != nil {
		panic(err)
	}
	prometheus.MustRegister(metrics)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.Handler())

	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	fmt.Println(rec.Code, strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain"))
	// Output: 200 true
}
