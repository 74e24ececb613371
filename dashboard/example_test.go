package dashboard_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/reecho-go/reecho/dashboard"
)

func Example() {
	page, err := dashboard.New(func(r *http.Request) error {
		if _, password, _ := r.BasicAuth(); password != "from-your-config" {
			return errors.New("not an operator")
		}
		return nil
	}, dashboard.Config{}) // the default groups
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/_reecho", page)

	for _, password := range []string{"guess", "from-your-config"} {
		r := httptest.NewRequest(http.MethodGet, "/_reecho", nil)
		r.SetBasicAuth("", password)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		fmt.Println(rec.Code)
	}
	// Output:
	// 403
	// 200
}
