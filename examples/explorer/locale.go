package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// A locale is one way to write texts, numbers and dates. x/text knows how to
// write numbers; the little that it does not know is here.
type locale struct {
	Tag  language.Tag
	Name string // in its own language

	date    string // a layout of package time
	dollars string // around an amount
	million string // around a number of millions of dollars
}

// locales lists the locales that the explorer speaks, the default first.
func locales() []locale {
	return []locale{
		{language.AmericanEnglish, "English (US)", "Jan 2, 2006", "$%s", "$%sM"},
		{language.BritishEnglish, "English (UK)", "2 Jan 2006", "$%s", "$%sm"},
		{language.German, "Deutsch", "02.01.2006", "%s\u00a0$", "%s\u00a0Mio.\u00a0$"},
		{language.French, "Français", "02/01/2006", "%s\u00a0$", "%s\u00a0M$"},
	}
}

// localeTags lists the tags of [locales], in the same order.
func localeTags() []language.Tag {
	var tags []language.Tag
	for _, l := range locales() {
		tags = append(tags, l.Tag)
	}
	return tags
}

// localeFor is the locale of a tag: one of [locales], the default if none.
func localeFor(tag language.Tag) locale {
	all := locales()
	for _, l := range all {
		if l.Tag == tag {
			return l
		}
	}
	return all[0]
}

//go:embed locales/*.json
var translations embed.FS

// newCatalog reads the translations. The keys are the texts in American
// English, which needs no file.
func newCatalog() (catalog.Catalog, error) {
	c := catalog.NewBuilder(catalog.Fallback(language.AmericanEnglish))
	for _, tag := range []language.Tag{language.BritishEnglish, language.German, language.French} {
		file := "locales/" + tag.String() + ".json"
		raw, err := translations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for key, text := range texts {
			if err := c.SetString(tag, key, text); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", file, key, err)
			}
		}
	}
	return c, nil
}

// A unit is a unit of speed.
type unit string

const (
	knots unit = "kn"
	kmh   unit = "km/h"
	mph   unit = "mph"
)

// units lists the units, the default first.
func units() []unit { return []unit{knots, kmh, mph} }

// A reader writes the texts, numbers and dates of a page in the language and units of the
// person who reads it. Templates call its methods.
type reader struct {
	locale
	Unit    unit
	printer *message.Printer
}

func newReader(texts catalog.Catalog, tag language.Tag, u unit) reader {
	return reader{localeFor(tag), u, message.NewPrinter(tag, message.Catalog(texts))}
}

// T is a text of ours in the reader's language.
func (r reader) T(text string, args ...any) string { return r.printer.Sprintf(text, args...) }

// Int is a whole number.
func (r reader) Int(n any) string { return r.printer.Sprint(number.Decimal(n)) }

// Number is a number as axes have it.
func (r reader) Number(f float64) string {
	return r.printer.Sprint(number.Decimal(f, number.MaxFractionDigits(1)))
}

// Percent is a share, 1 being all.
func (r reader) Percent(f float64) string {
	return r.printer.Sprint(number.Percent(f, number.MaxFractionDigits(1)))
}

// Dollars is an amount of money, to the dollar.
func (r reader) Dollars(n int64) string { return fmt.Sprintf(r.dollars, r.Int(n)) }

// ShortDollars is an amount as axes and tiles have it: in millions from one
// million on.
func (r reader) ShortDollars(f float64) string {
	if f >= 1e6 {
		return fmt.Sprintf(r.million, r.Number(f/1e6))
	}
	return fmt.Sprintf(r.dollars, r.Number(f))
}

// Date is a day.
func (r reader) Date(t time.Time) string { return t.Format(r.date) }

// Month is a month of a year, in words.
func (r reader) Month(t time.Time) string {
	return r.T(t.Month().String()) + " " + t.Format("2006")
}

// Speed is a speed, given in knots, in the reader's unit; a dash if unknown.
func (r reader) Speed(inKnots *int) string {
	if inKnots == nil {
		return "–"
	}
	factor := map[unit]float64{knots: 1, kmh: 1.852, mph: 1.852 / 1.609344}[r.Unit]
	return r.printer.Sprint(number.Decimal(float64(*inKnots)*factor, number.MaxFractionDigits(0))) + "\u00a0" + string(r.Unit)
}

// Age is how long ago something was, coarsely.
func (r reader) Age(d time.Duration) string {
	switch {
	case d < time.Second:
		return r.T("just now")
	case d < time.Minute:
		return r.T("%d s old", int(d.Seconds()))
	case d < time.Hour:
		return r.T("%d min old", int(d.Minutes()))
	}
	return r.T("%d h old", int(d.Hours()))
}

// Took is how long something took, in milliseconds.
func (r reader) Took(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	digits := 0
	if ms < 10 {
		digits = 1
	}
	return r.printer.Sprint(number.Decimal(ms, number.MaxFractionDigits(digits))) + "\u00a0ms"
}
