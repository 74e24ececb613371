package ctxinfo_test

import (
	"html/template"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

func TestScriptIsStaticAndItsNonceEscaped(t *testing.T) {
	t.Parallel()
	plain := string(ctxinfo.Script(""))
	body, ok := strings.CutPrefix(plain, "<script>")
	if !ok {
		t.Fatalf("Script(\"\") = %s", plain)
	}
	body, ok = strings.CutSuffix(body, "</script>")
	if !ok || strings.Contains(body, "<") || len(body) == 0 || len(body) >= 600 {
		t.Errorf("the script has %d bytes, want 1 to 599 without a <", len(body))
	}
	if got, want := string(ctxinfo.Script("r4nd0m+/=")), `<script nonce="r4nd0m+/=">`+body+"</script>"; got != want {
		t.Errorf("Script(nonce) = %s, want %s", got, want)
	}
	if got := string(ctxinfo.Script(`"><img src=x onerror=alert(1)>`)); strings.Contains(got, "<img") || !strings.HasPrefix(got, `<script nonce="&#34;&gt;`) {
		t.Errorf("Script(attack) = %s", got)
	}
	var page strings.Builder
	if err := template.Must(template.New("").Parse("<head>{{.}}</head>")).Execute(&page, ctxinfo.Script("n")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), body) {
		t.Error("html/template does not leave the script as it is")
	}
}
