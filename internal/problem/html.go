package problem

import (
	"bytes"
	"html/template"
)

var page = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{.Status}} {{.Title}}</title>
<main>
<h1>{{.Title}}</h1>
{{with .Detail}}<p>{{.}}</p>
{{end}}{{with .Errors}}<ul>
{{range .}}<li>{{with .Parameter}}<code>{{.}}</code>: {{end}}{{.Detail}}{{with .Value}} (sent: <code>{{.}}</code>){{end}}{{with .Expected}}; expected: {{.}}{{end}}{{with .Suggestion}}; did you mean <code>{{.}}</code>?{{end}}</li>
{{end}}</ul>
{{end}}</main>
</html>
`))

func html(d *Details) []byte {
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil { // a buffer and plain fields: cannot fail
		return []byte(template.HTMLEscapeString(d.Title))
	}
	return b.Bytes()
}
