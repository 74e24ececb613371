package queryparams_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
)

// Strikes is what the URL of a list may say.
type Strikes struct {
	Page   int      `query:"page"   default:"1"  min:"1" max:"10000"`
	Size   int      `query:"size"   default:"20" enum:"10|20|50"`
	States []string `query:"state"  maxitems:"5"`
	Sort   string   `query:"sort"   default:"date" enum:"date|cost" invalid:"default"`
}

var strikes = queryparams.Must(queryparams.NewSchema[Strikes](queryparams.SchemaConfig{
	RejectUnknown: true,
}))

// A handler gets a value that is right in every field, or an error that
// answers 400 and names all that is wrong, also on an echo without any
// middleware.
func ExampleSchema_Bind() {
	e := echo.New()
	e.HTTPErrorHandler = echov4.ErrorHandler(nil) // not needed where any plugin of the toolkit serves
	e.GET("/strikes", func(c echo.Context) error {
		v, err := strikes.Bind(c)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("%+v", v))
	})

	for _, query := range []string{"state=Texas&state=New+York&sort=wat", "page=0&size=many&pgae=2"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/strikes?"+query, http.NoBody))
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 200 {Page:1 Size:20 States:[Texas New York] Sort:date}
	// 400 {"title":"Invalid query parameters","status":400,"errors":[{"parameter":"page","code":"out_of_range","detail":"is out of range","value":"0","expected":"a whole number from 1 to 10000"},{"parameter":"size","code":"type","detail":"cannot be read","value":"many","expected":"one of 10, 20, 50"},{"parameter":"pgae","code":"unknown","detail":"is not a known parameter","suggestion":"page"}]}
}
