package ctxinfo

// Fetch is how the browser says the request came about (Fetch Metadata, W3C).
// Browsers send it over HTTPS and to localhost only; a page's script cannot
// set it, any other client can. Empty fields were not sent.
type Fetch struct {
	Dest string // document, iframe, empty, image...
	Mode string // navigate, cors, no-cors, same-origin, websocket
	Site string // same-origin, same-site, cross-site, none
	User bool   // a click or key of the visitor caused it
}

// Fetch returns the request's fetch metadata.
func (in *Info) Fetch() Fetch {
	var f facts
	out := Fetch{
		Dest: in.keyword(&f, fieldFetchDest),
		Mode: in.keyword(&f, fieldFetchMode),
		Site: in.keyword(&f, fieldFetchSite),
	}
	out.User, _ = sfTrue(in.value(&f, fieldFetchUser))
	in.note(f.read)
	return out
}

// keyword reads a header that holds one short lower-case word, a token;
// anything else counts as absent.
func (in *Info) keyword(f *facts, h field) string {
	v, kind := sfItem(in.value(f, h))
	if kind != sfToken || len(v) > 32 || span(v, func(c byte) bool { return isLower(c) || c == '-' }) != len(v) {
		return ""
	}
	return v
}

// HTMX is what htmx says of a request that it made. It is as good as any
// client's word. Texts longer than 256 bytes count as absent.
type HTMX struct {
	Request        bool // htmx made the request
	Boosted        bool // by an element with hx-boost
	HistoryRestore bool // to restore a page that its history cache has lost
	Target         string
	Trigger        string
	TriggerName    string
}

// HTMX returns what htmx says of the request; see also [Info.PageURL]. A
// handler that answers htmx with a fragment and others with a page needs
// nothing more: the header goes into Vary.
func (in *Info) HTMX() HTMX {
	var f facts
	out := HTMX{Request: in.value(&f, fieldHXRequest) == "true"}
	if out.Request {
		out.Boosted = in.value(&f, fieldHXBoosted) == "true"
		out.HistoryRestore = in.value(&f, fieldHXHistory) == "true"
		out.Target = in.short(&f, fieldHXTarget)
		out.Trigger = in.short(&f, fieldHXTrigger)
		out.TriggerName = in.short(&f, fieldHXTriggerName)
	}
	in.note(f.read)
	return out
}

func (in *Info) short(f *facts, h field) string {
	if v := in.value(f, h); len(v) <= 256 {
		return v
	}
	return ""
}
