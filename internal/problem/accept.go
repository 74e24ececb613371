package problem

import (
	"strconv"
	"strings"
)

// maxAccept bounds the work on a hostile Accept header.
const maxAccept = 1 << 10

// prefersHTML reports whether the client would rather have HTML than JSON
// (RFC 9110, section 12.5.1). Equal weights and no header mean JSON.
func prefersHTML(accept []string) bool {
	quality := make(map[string]float64)
	for _, line := range accept {
		if len(line) > maxAccept {
			line = line[:maxAccept]
		}
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			switch name = strings.ToLower(strings.TrimSpace(name)); name {
			case "text/html", "text/*", "application/problem+json", "application/json", "application/*", "*/*":
				quality[name] = max(quality[name], weight(params))
			}
		}
	}
	// the closest range that the client named has the say
	of := func(ranges ...string) float64 {
		for _, r := range ranges {
			if q, ok := quality[r]; ok {
				return q
			}
		}
		return 0
	}
	html := of("text/html", "text/*", "*/*")
	return html > of("application/problem+json", "application/*", "*/*") &&
		html > of("application/json", "application/*", "*/*")
}

// weight is the q parameter, 1 when absent and 0 when malformed.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		k, v, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(k, "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || q < 0 || q > 1 || q != q {
			return 0
		}
		return q
	}
	return 1
}
