package client

import "github.com/reecho-go/reecho/ctxinfo"

// HTMX has the headers of a request that htmx made. Texts longer than 256 bytes
// count as absent.
type HTMX struct {
	Request        bool   // htmx made the request (HX-Request)
	Boosted        bool   // by an element with hx-boost
	HistoryRestore bool   // to restore a page that its history cache has lost
	Target         string // the id of the element that the answer goes to
	Trigger        string // the id of the element that caused the request
	TriggerName    string // the name of that element
}

// HTMXOf returns the headers of htmx; see also [ctxinfo.Info.PageURL]. A handler
// may answer htmx with a fragment and others with a page: the response lists
// HX-Request in Vary, and the other headers too if htmx made the request.
func HTMXOf(in *ctxinfo.Info) HTMX {
	if value(in, "Hx-Request") != "true" {
		return HTMX{}
	}
	return HTMX{
		Request:        true,
		Boosted:        value(in, "Hx-Boosted") == "true",
		HistoryRestore: value(in, "Hx-History-Restore-Request") == "true",
		Target:         short(in, "Hx-Target"),
		Trigger:        short(in, "Hx-Trigger"),
		TriggerName:    short(in, "Hx-Trigger-Name"),
	}
}

func short(in *ctxinfo.Info, name string) string {
	if v := value(in, name); len(v) <= 256 {
		return v
	}
	return ""
}
