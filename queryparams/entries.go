package queryparams

import (
	"strconv"
)

// entry is one pair of a query, decoded.
type entry struct {
	key, value string
	// raw is the value as written, when decoding it loses what it means to a
	// schema: an escaped delimiter in a,b%2Cc. Otherwise empty.
	raw string
}

// parseEntries reads a whole query as browsers do, within the limits.
func parseEntries(raw string, lim *Limits) ([]entry, error) {
	if len(raw) > lim.MaxBytes {
		f := limitFault(CodeLimitBytes, "", "at most "+strconv.Itoa(lim.MaxBytes)+" bytes", lim.MaxBytes)
		return nil, &Errors{Fields: []*FieldError{f}}
	}
	var entries []entry
	s := scanner{raw: raw, lim: lim}
	var pr pair
	for {
		code, ok := s.next(&pr)
		switch {
		case code != codeFine:
			return nil, &Errors{Fields: []*FieldError{overLimit(code, raw, &pr, lim)}}
		case !ok:
			return entries, nil
		}
		value := raw[pr.val:pr.valEnd]
		entries = append(entries, entry{
			key:   unescapeFlagged(raw[pr.key:pr.keyEnd], pr.keyFlags),
			value: unescapeFlagged(value, pr.valFlags),
			raw:   escapedDelimiters(value, pr.valFlags),
		})
	}
}

func unescapeFlagged(s string, flags uint8) string {
	if flags&(hasEscape|hasNonPrintable) == 0 {
		return s
	}
	return unescapeLenient(s)
}

// escapedDelimiters returns s as appendEntries would write it, but with the
// characters still escaped that only s escapes. It is empty if there are none.
func escapedDelimiters(s string, flags uint8) string {
	if flags&hasEscape == 0 {
		return ""
	}
	var b []byte
	from := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		c, ok := escapeAt(s, i)
		if !ok {
			continue
		}
		if plain[c] && !isAlnum(c) {
			b = appendEscaped(b, unescapeLenient(s[from:i]), 0)
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
			from = i + 3
		}
		i += 2
	}
	if b == nil {
		return ""
	}
	return string(appendEscaped(b, unescapeLenient(s[from:]), 0))
}

// appendEntries writes entries so that they read back the same.
func appendEntries(b []byte, entries []entry) []byte {
	for i, e := range entries {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, e.key, 0)
		b = append(b, '=')
		if e.raw != "" {
			b = append(b, e.raw...)
		} else {
			b = appendEscaped(b, e.value, 0)
		}
	}
	return b
}

func overLimit(code Code, raw string, pr *pair, lim *Limits) *FieldError {
	switch code {
	case CodeLimitPairs:
		return limitFault(code, "", "at most "+strconv.Itoa(lim.MaxPairs)+" parameters", -1)
	case CodeLimitKey:
		return limitFault(code, "", "at most "+strconv.Itoa(lim.MaxKeyLen)+" bytes", pr.key)
	}
	key := *safeValue(unescapeLenient(raw[pr.key:pr.keyEnd]))
	return limitFault(code, key, "at most "+strconv.Itoa(lim.MaxValueLen)+" bytes", pr.val)
}

func keysOf(entries []entry) []string {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}
