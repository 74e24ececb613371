package data

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A RowError says what is wrong with a row, and where.
type RowError struct {
	File   string
	Line   int
	Column string
	Value  string
	Reason string
}

// Error implements error.
func (e *RowError) Error() string {
	return fmt.Sprintf("data: %s:%d: %s %q %s", e.File, e.Line, e.Column, e.Value, e.Reason)
}

// A row is one record on its way into a struct. The first thing that fails is
// kept, so that the readers need no error of their own.
type row struct {
	file   string
	line   int
	header []string
	fields []string
	err    error
}

func (r *row) fail(column int, reason string) {
	if r.err == nil {
		r.err = &RowError{File: r.file, Line: r.line, Column: r.header[column], Value: r.fields[column], Reason: reason}
	}
}

func (r *row) text(column int) string {
	s := r.fields[column]
	switch {
	case s == "":
		r.fail(column, "is empty")
	case s != strings.TrimSpace(s):
		r.fail(column, "has space around it")
	case !utf8.ValidString(s):
		r.fail(column, "is not UTF-8")
	}
	return s
}

func (r *row) oneOf(column int, allowed ...string) string {
	if !slices.Contains(allowed, r.fields[column]) {
		r.fail(column, "is none of "+strings.Join(allowed, ", "))
	}
	return r.fields[column]
}

// read turns every record of a file into a T.
func read[T any](name string, header []string, parse func(*row) T) ([]T, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return readFrom(bytes.NewReader(text), name, header, parse)
}

func readFrom[T any](src io.Reader, name string, header []string, parse func(*row) T) ([]T, error) {
	records := csv.NewReader(src)
	records.FieldsPerRecord = len(header)
	records.ReuseRecord = true
	first, err := records.Read()
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", name, err)
	}
	if !slices.Equal(first, header) {
		return nil, fmt.Errorf("data: %s: the columns are %q, want %q", name, first, header)
	}
	var all []T
	for {
		fields, err := records.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("data: %s: %w", name, err)
		}
		line, _ := records.FieldPos(0)
		r := row{file: name, line: line, header: header, fields: fields}
		v := parse(&r)
		if r.err != nil {
			return nil, r.err
		}
		all = append(all, v)
	}
}
