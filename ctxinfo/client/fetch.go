package client

import (
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/internal/syntax"
)

// Fetch is the fetch metadata of the request (W3C): which site and which kind of
// element caused it. Browsers send it over HTTPS and to localhost only. A script
// in a page cannot set it; other clients can. Fields that were not sent are empty.
type Fetch struct {
	Dest string // document, iframe, empty, image...
	Mode string // navigate, cors, no-cors, same-origin, websocket
	Site string // same-origin, same-site, cross-site, none
	User bool   // a click or key of the visitor caused it
}

// FetchOf returns the request's fetch metadata.
func FetchOf(in *ctxinfo.Info) Fetch {
	f := Fetch{
		Dest: syntax.Keyword(value(in, "Sec-Fetch-Dest")),
		Mode: syntax.Keyword(value(in, "Sec-Fetch-Mode")),
		Site: syntax.Keyword(value(in, "Sec-Fetch-Site")),
	}
	f.User, _ = syntax.True(value(in, "Sec-Fetch-User"))
	return f
}
