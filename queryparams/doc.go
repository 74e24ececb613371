// Package queryparams reads, checks and writes the URL's query. A struct type
// defines the parameters of a page. From it come typed values, defaults, a 400
// response that names every fault, links, hidden inputs, and the URL in the
// browser's address bar.
//
//	type Search struct {
//		Text string `query:"q" maxlen:"100"`
//		Page int    `query:"page" default:"1" min:"1"`
//	}
//
//	s, err := queryparams.Bind[Search](c)
//
// # Schemas
//
// [NewSchema] compiles a struct type once and reports mistakes in it: misspelt
// tags, bounds that contradict each other, a layout that cannot read what it
// writes, a field of an unsupported type. Tags of validators (validate, binding)
// are ignored, with a warning to the default logger. [Schema.Bind] reads a request,
// [Schema.Encode] and [Schema.Link] write. [Bind] and [Get] are shortcuts for
// the zero [SchemaConfig].
//
// A field is a parameter if it is exported and has a query tag; nothing else
// is ever set. Its type is a string, bool, integer, float, [time.Time],
// [time.Duration], [url.URL] or any type with text methods ([net/netip]'s,
// [math/big]'s, your enums), a pointer to one (nil: missing), an [Opt] of one,
// a slice of them or a map to them (name[key]=value). An embedded struct adds
// its fields; a struct with a tag nests as name[field]; a pointer to one is nil
// unless one of its fields is there; a slice of structs is name[0][field]=value,
// in any order but without gaps, so that a large index in a query allocates
// nothing. [NewCodec] and [OneOf] add other types.
//
// Of a type with text methods, MarshalText writes and UnmarshalText reads, as in
// encoding/json, whether they are its own or those of a type that it embeds.
// AppendText is used in place of MarshalText where both are surely of the same
// type; String is not used. If reading and writing do not fit together, NewSchema
// fails where it can detect that, else Encode does.
//
//	query:"name"        the parameter; "-" for none; ",rest" on a url.Values
//	                    collects the parameters that the schema does not have
//	default:"20"        for a missing parameter; a list's items by commas
//	required:"true"     missing is a fault
//	min, max            of numbers, durations and times
//	minlen, maxlen      of texts, in characters
//	minitems, maxitems  of lists and maps
//	enum:"a|b|c"        the allowed values
//	pattern:"[a-z]+"    RE2, for the whole text
//	layout:"date"       of times: rfc3339, date, datetime-local, unix,
//	                    unixmilli, or Go's layouts; several by "|"
//	loc:"Europe/Oslo"   the zone of times without one
//	unit:"s"            what a bare number counts, for durations
//	style               of lists: form (the default: tags=a&tags=b),
//	                    "form,explode=false" (a,b), spaceDelimited,
//	                    pipeDelimited, sep=X. An escaped separator is text,
//	                    but for numbers, bools, enums and the like, which
//	                    have none in them. Of structs: deepObject (the
//	                    default), dotted, form (fields by their own names)
//	invalid:"default"   a faulty value becomes the default; of a list or a map,
//	                    the faulty elements are dropped, and none left is the
//	                    default: see [Params.Corrections]
//	duplicate:"first"   or "last": which of several single values counts
//	empty:"missing"     or "reject": what name= is, where it is not that already
//	bool:"strict"       true and false only
//	allow:"control"     control characters such as line breaks (a tab, which
//	                    comes with what visitors paste, is text anyway);
//	                    allow:"nan"
//	secret:"true"       the value is never echoed
//	doc:"..."           the description in [Schema.Parameters]
//
// # Promises
//
//   - The raw query is read in one pass and never goes through url.Values:
//     nothing depends on the order of a map, and no pair is dropped in silence.
//   - All faults are reported, in the order of the fields, unknown parameters
//     last; a value that has a fault is not returned at all.
//   - Missing, empty and zero are different. A default is used only for a missing
//     parameter. name= counts as missing for types whose text is never empty, as
//     the empty text for strings, and as the empty list for lists.
//   - Whatever Encode accepts, Parse reads back the same; whatever Parse
//     would refuse, Encode refuses. What is written is printable ASCII.
//   - The work is linear in the query's bytes and bounded by [Limits]; no
//     number in a query decides how much is allocated. No input panics.
//   - Texts without escapes share memory with the request line. Use strings.Clone
//     for a text that you keep for long, or [SchemaConfig].Clone for all.
//
// # Params
//
// [Params] is Streamlit's st.query_params: the query as an ordered dictionary of
// texts. A handler may change it, and the browser gets the change with the
// response. It needs the [Plugin].
//
// # Session
//
// [Remember] stores the values of a schema in a key of the session, so that a visit
// without a query gets the last ones. Values of the URL come first, then those of
// the session, then the defaults: see [Remembered].
//
// # Testing
//
// Package queryparamstest reports the URL that the browser would show, and checks
// that a schema reads back what it writes.
package queryparams
