package queryparams

import (
	"html/template"
	"slices"
	"strings"
)

// Hidden is v as hidden inputs, so that a form keeps what it has no control
// for. The parameters named in except are left out, with what nests in them:
// those that the form has. A list whose items share one value becomes an input
// for each item, since browsers escape what separates them; where that does not
// help, the error is an [*EncodeError].
func (s *Schema[T]) Hidden(v T, except ...string) (template.HTML, error) {
	return s.plan.hidden(&v, except)
}

// hidden is Hidden of what v points to.
func (p *plan) hidden(v any, except []string) (template.HTML, error) {
	entries, err := p.entries(v)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		if isNamed(e, except) {
			continue
		}
		values, err := p.formValues(e)
		if err != nil {
			return "", err
		}
		for _, value := range values {
			b.WriteString(`<input type="hidden" name="`)
			template.HTMLEscape(&b, []byte(e.key))
			b.WriteString(`" value="`)
			template.HTMLEscape(&b, []byte(value))
			b.WriteString(`">`)
		}
	}
	return template.HTML(b.String()), nil // every part is escaped or a constant
}

// entries are the pairs that Encode writes for what v points to.
func (p *plan) entries(v any) ([]entry, error) {
	raw, err := p.encode(v, false)
	if err != nil {
		return nil, err
	}
	return parseEntries(raw, &p.cfg.Limits)
}

// keptByForms are the separators that browsers do not escape in the data of a form
// (WHATWG URL, application/x-www-form-urlencoded).
const keptByForms = "*-._"

// formValues are the values of e that a form may send, one by one, so that
// they are read as e is.
func (p *plan) formValues(e entry) ([]string, error) {
	t, _, ok := p.lookup(e.key)
	if !ok || t.group >= 0 || p.leaves[t.leaf].sep == 0 {
		return []string{e.value}, nil
	}
	l := &p.leaves[t.leaf]
	kept := strings.IndexByte(keptByForms, l.sep) >= 0
	values := l.items(e)
	if kept && slices.ContainsFunc(values, func(v string) bool { return strings.IndexByte(v, l.sep) >= 0 }) {
		return nil, cannotForm(l)
	}
	return values, nil
}

func cannotForm(l *leaf) error {
	return &EncodeError{Fields: []*FieldError{{
		Parameter: l.name, Path: l.name, Code: CodeCannotCarry, Detail: "cannot be carried by a form: browsers escape what separates its parts", Offset: -1,
	}}}
}

// items returns the decoded items of a list in one value, or the value itself.
func (l *leaf) items(e entry) []string {
	if l.sep == 0 || l.shape != shapeList {
		return []string{e.value}
	}
	raw := e.raw
	if raw == "" {
		raw = escape(e.value)
	}
	var items []string
	for found := true; found; {
		var item string
		item, raw, found = l.cut(raw)
		items = append(items, unescapeLenient(item))
	}
	return items
}
