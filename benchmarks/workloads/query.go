package workloads

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
	"github.com/reecho-go/reecho/queryparams"
)

// parseQuery is the reference: net/url only splits and decodes.
const parseQuery = "url.ParseQuery alone"

// rawSearch has seven parameters for the six fields of peers.Search.
const rawSearch = "page=2&size=50&q=hello+world&sort=name&desc=true&tags=a&tags=b"

var wantSearch = peers.Search{Page: 2, Size: 50, Q: "hello world", Sort: "name", Desc: true, Tags: []string{"a", "b"}}

// Query is a raw query and a struct, one made of the other.
func Query() []bench.Workload {
	return []bench.Workload{
		{Group: "query", Name: "7 parameters into 6 fields", Reference: parseQuery, Prepare: func() ([]bench.Row, error) { return decoding(rawSearch) }},
		{Group: "query", Name: "the same in another order", Reference: parseQuery, Prepare: func() ([]bench.Row, error) {
			return decoding("tags=a&tags=b&desc=true&sort=name&q=hello+world&size=50&page=2")
		}},
		{Group: "query", Name: "6 fields into a query", Reference: Ours, Prepare: encoding},
		{Group: "query", Name: "one number of 7 parameters", Reference: parseQuery, Prepare: single},
		{Group: "query", Name: "1,000 unknown parameters", Reference: parseQuery, Prepare: func() ([]bench.Row, error) { return unknown(1_000) }},
		{Group: "query", Name: "10,000 unknown parameters", Reference: parseQuery, Prepare: func() ([]bench.Row, error) { return unknown(10_000) }},
	}
}

func decoding(raw string) ([]bench.Row, error) {
	ours, err1 := queryparams.NewSchema[peers.Search](queryparams.SchemaConfig{})
	httpin, err2 := peers.Httpin()
	huma, err3 := peers.Huma()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	rows := []bench.Row{parsing(raw)}
	for _, p := range []struct {
		name, note string
		decode     peers.Decode
	}{
		{Ours, "", ours.Parse},
		{"echo QueryParamsBinder", "", peers.EchoBinder()},
		{"go-playground/form", "", peers.PlaygroundFormDecode()},
		{"echo Bind", "", peers.EchoBind()},
		{"gorilla/schema", "", peers.GorillaSchemaDecode()},
		{"huma", "with the operation around it", huma},
		{"httpin", "", httpin},
	} {
		rows = append(rows, bench.Row{
			Peer: p.name, Note: p.note,
			Op: func(int) error {
				_, err := p.decode(raw)
				return err
			},
			Check: func() error {
				if got, err := p.decode(raw); err != nil || !reflect.DeepEqual(got, wantSearch) {
					return fmt.Errorf("read %+v, %w", got, err)
				}
				return nil
			},
		})
	}
	return rows, nil
}

// parsing is the reference row.
func parsing(raw string) bench.Row {
	return bench.Row{Peer: parseQuery, Op: func(int) error {
		_, err := url.ParseQuery(raw)
		return err
	}}
}

func encoding() ([]bench.Row, error) {
	ours, err := queryparams.NewSchema[peers.Search](queryparams.SchemaConfig{})
	if err != nil {
		return nil, err
	}
	var rows []bench.Row
	for _, p := range []struct {
		name   string
		encode peers.Encode
	}{
		{Ours, ours.Encode},
		{"go-playground/form", peers.PlaygroundFormEncode()},
		{"gorilla/schema", peers.GorillaSchemaEncode()},
	} {
		rows = append(rows, bench.Row{
			Peer: p.name,
			Op: func(int) error {
				_, err := p.encode(wantSearch)
				return err
			},
			Check: func() error {
				raw, err := p.encode(wantSearch)
				if err != nil {
					return err
				}
				if got, err := ours.Parse(raw); err != nil || !reflect.DeepEqual(got, wantSearch) {
					return fmt.Errorf("wrote %s, which reads back %+v, %w", raw, got, err)
				}
				return nil
			},
		})
	}
	return rows, nil
}

func single() ([]bench.Row, error) {
	rows := []bench.Row{parsing(rawSearch)}
	c := echo.New().NewContext(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: rawSearch}}, nil)
	ours := func(string) (int, error) {
		return queryparams.Get(c, "size", queryparams.Param[int]{Min: new(1), Max: new(100)})
	}
	for _, p := range []struct {
		name string
		read func(raw string) (int, error)
	}{
		{Ours, ours},
		{"echo QueryParamsBinder", peers.EchoBinderInt("size")},
	} {
		rows = append(rows, bench.Row{
			Peer: p.name,
			Op: func(int) error {
				_, err := p.read(rawSearch)
				return err
			},
			Check: func() error {
				if n, err := p.read(rawSearch); err != nil || n != wantSearch.Size {
					return fmt.Errorf("read %d, %w", n, err)
				}
				return nil
			},
		})
	}
	return rows, nil
}

// unknown is a query of n parameters that nobody asked for.
func unknown(n int) ([]bench.Row, error) {
	var b strings.Builder
	for i := range n {
		b.WriteString("key" + strconv.Itoa(i) + "=value&")
	}
	raw := strings.TrimSuffix(b.String(), "&")
	ours, err := queryparams.NewSchema[peers.Search](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxBytes: -1, MaxPairs: -1}})
	if err != nil {
		return nil, err
	}
	read := func() error {
		got, err := ours.Parse(raw)
		if err == nil && !reflect.DeepEqual(got, peers.Search{}) {
			err = answers.ErrChanged
		}
		return err
	}
	return []bench.Row{
		parsing(raw),
		{Peer: Ours, Note: "limits lifted; by default a query has 256 at most", Check: read, Op: func(int) error {
			_, err := ours.Parse(raw)
			return err
		}},
	}, nil
}
