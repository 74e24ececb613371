package queryparams_test

import (
	"testing"

	"github.com/reecho-go/reecho/queryparams"
)

func TestHiddenEscapesNamesToo(t *testing.T) {
	t.Parallel()
	type form struct {
		Odd string            `query:"a<b>&"`
		M   map[string]string `query:"m"`
	}
	s := queryparams.Must(queryparams.NewSchema[form](queryparams.SchemaConfig{}))
	got, err := s.Hidden(form{Odd: `"><script>`, M: map[string]string{`"><x>`: "1"}})
	want := `<input type="hidden" name="a&lt;b&gt;&amp;" value="&#34;&gt;&lt;script&gt;"><input type="hidden" name="m[&#34;&gt;&lt;x&gt;]" value="1">`
	if string(got) != want || err != nil {
		t.Errorf("Hidden() = %s, %v, want %s", got, err, want)
	}
}
