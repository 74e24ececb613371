package problem

import (
	"strconv"
	"strings"
)

// maxAccept bounds the work on a hostile Accept header.
const maxAccept = 1 << 10

// prefersHTML reports whether the client would rather have HTML than JSON
// (RFC 9110, section 12.5.1). Equal weights, wildcards and no header mean JSON.
func prefersHTML(accept []string) bool {
	var html, json float64
	exactJSON := false
	for _, line := range accept {
		if len(line) > maxAccept {
			line = line[:maxAccept]
		}
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			q := weight(params)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "text/html", "application/xhtml+xml":
				html = max(html, q)
			case "application/problem+json", "application/json":
				json, exactJSON = max(json, q), true
			case "*/*", "application/*":
				if !exactJSON {
					json = max(json, q)
				}
			}
		}
	}
	return html > json
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
