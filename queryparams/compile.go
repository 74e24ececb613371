package queryparams

import (
	"errors"
	"fmt"
	"log"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth  = 5  // how deep structs nest
	maxGroups = 64 // how many pointers to structs a schema has: they are a bit set
)

func compile(t reflect.Type, cfg SchemaConfig) (*plan, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.Retain, cfg.Strip, cfg.Codecs = slices.Clone(cfg.Retain), slices.Clone(cfg.Strip), slices.Clone(cfg.Codecs)
	c := newCompiler(t, cfg)
	c.hooked = reflect.PointerTo(t).Implements(validatorType)
	c.calls = c.hooked
	if t.Kind() != reflect.Struct {
		c.fail(typeName(t), errors.New("is not a struct"))
	} else {
		path := t.Name()
		if path == "" {
			path = typeName(t)
		}
		c.fields(t, nil, location{group: -1, path: path})
		if len(c.leaves) == 0 && !c.hasRest && len(c.errs) == 0 {
			c.fail(path, errors.New(`has no parameters: give its fields tags, such as query:"page"`))
		}
	}
	if c.hasRest && cfg.RejectUnknown {
		c.fail("rest", errors.New("a rest field collects what RejectUnknown would refuse: choose one"))
	}
	c.finish()
	if len(c.errs) > 0 {
		return nil, &SchemaError{Type: t, Err: errors.Join(c.errs...)}
	}
	if len(c.foreign) > 0 && !c.hooked {
		log.Printf("queryparams: schema %s: other tags are not read here, so nothing checks what they say: use min, max, minlen, maxlen, enum, pattern and required, or call your validator in a Validate method of the type: %s",
			typeName(t), strings.Join(c.foreign, ", ")) // package log also writes to a default slog logger, and is a third of a megabyte smaller
	}
	return c.plan, nil
}

// finish checks the fields together.
func (c *compiler) finish() {
	for _, i := range c.open {
		l := &c.leaves[i]
		for name, t := range c.byName {
			if strings.HasPrefix(name, l.name+"[") && (t.group >= 0 || t.leaf != i) {
				c.fail(l.name, fmt.Errorf("it takes the name %q of another field", name))
			}
		}
	}
	if c.cfg.FoldCase {
		c.folded = make(map[string]target, len(c.byName))
		for _, name := range slices.Sorted(maps.Keys(c.byName)) {
			lower := lowerASCII(name)
			if _, taken := c.folded[lower]; taken {
				c.fail(name, errors.New("FoldCase: another name differs in case alone"))
			}
			c.folded[lower] = c.byName[name]
		}
	}
	c.defaults()
}

// location says under which name, and behind which pointer, the fields of a struct are.
type location struct {
	prefix string
	nested bool // the names of the top level are in brackets too
	dotted bool
	group  int
	depth  int
	path   string // Go names, for error texts
}

func (s location) join(name string) string {
	switch {
	case s.prefix == "" && !s.nested:
		return name
	case s.dotted:
		return s.prefix + "." + name
	}
	return s.prefix + "[" + name + "]"
}

func (c *compiler) fields(t reflect.Type, steps []int, in location) {
	if in.depth > maxDepth {
		c.fail(in.path, fmt.Errorf("structs nest more than %d deep", maxDepth))
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("query")
		at := append(slices.Clone(steps), i)
		path := in.path + "." + f.Name
		if !tagged {
			if err := misspeltQuery(f.Tag); err != nil {
				c.fail(path, err)
				continue
			}
		}
		switch {
		case tag == "-":
		case !tagged:
			switch {
			case f.Anonymous && f.Type.Kind() == reflect.Struct:
				inner := in
				inner.path, inner.depth = path, in.depth+1
				before := len(c.leaves)
				c.fields(f.Type, at, inner)
				if len(c.leaves) > before {
					c.refuseUncalled(f.Type, path)
				}
			case f.Anonymous && f.Type.Kind() == reflect.Pointer && holdsParameters(f.Type.Elem()):
				c.fail(path, errors.New("is an embedded pointer: embed the struct itself, or give it a query tag"))
			}
		case !f.IsExported():
			c.fail(path, errors.New("is tagged but not exported"))
		case tag == ",rest":
			c.collect(f, at, in, path)
		default:
			if err := checkName(tag); err != nil {
				c.fail(path, err)
				continue
			}
			c.field(f, tag, at, in, path)
		}
	}
}

// holdsParameters reports whether t is a struct with tagged fields, which would be
// ignored without an error.
func holdsParameters(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if _, tagged := t.Field(i).Tag.Lookup("query"); tagged {
			return true
		}
	}
	return false
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New(`the query tag is empty: name the parameter, or use "-"`)
	case strings.ContainsAny(name, "[],"):
		return fmt.Errorf("the name %q has a bracket or a comma", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return fmt.Errorf("the name %q has a control character or is not UTF-8", name)
	}
	return nil
}

func (c *compiler) collect(f reflect.StructField, at []int, in location, path string) {
	switch {
	case f.Type != valuesType:
		c.fail(path, fmt.Errorf("a rest field must be a url.Values, not %s", typeName(f.Type)))
	case c.hasRest || in.group >= 0 || in.prefix != "" || in.nested:
		c.fail(path, errors.New("there can be one rest field, at the top level"))
	default:
		c.rest, c.hasRest = at, true
	}
	if err := newTagSet(f).finish(); err != nil {
		c.fail(path, err)
	}
}

func (c *compiler) field(f reflect.StructField, tag string, at []int, in location, path string) {
	tags := newTagSet(f)
	if tags.validator != "" {
		c.foreign = append(c.foreign, path+" "+tags.validator)
	}
	l := leaf{name: in.join(tag), steps: at, group: in.group}
	l.key = escape(l.name)
	found := len(tags.errs)
	ok, err := c.resolve(&l, f.Type, tags)
	switch {
	case err != nil:
		c.fail(path, errors.Join(append(tags.errs, err)...))
		return
	case len(tags.errs) > found: // how the other tags are to be read is not known
		c.claim(l.name, target{leaf: len(c.leaves), group: -1}, path)
		c.fail(path, errors.Join(tags.errs...))
		return
	case !ok:
		c.refuseUncalled(f.Type, path)
		c.nest(f.Type, l, tags, in, path)
		return
	}
	c.refuseUncalled(l.elem, path)
	if l.shape == shapeList || l.shape == shapeMap || l.shape == shapeStructs {
		c.refuseUncalled(f.Type, path)
	}
	if l.shape == shapeStructs {
		l.sub = c.compileSub(l.elem, &l, in, path)
	}
	c.add(&l, tags, path)
}

// refuseUncalled refuses t, the type of a parameter or of a struct of parameters, if it has
// a Validate method that nothing would call, because the schema's type has none.
// Pointers have the methods of the type that they point to.
func (c *compiler) refuseUncalled(t reflect.Type, path string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !c.calls && reflect.PointerTo(t).Implements(validatorType) {
		c.fail(path, fmt.Errorf("nothing calls the Validate method of %s: call it in a Validate method of the schema's type", typeName(t)))
	}
}

// add makes l a leaf of the plan.
func (c *compiler) add(l *leaf, tags *tagSet, path string) {
	index := len(c.leaves)
	c.short(l.key, path)
	c.claim(l.name, target{leaf: index, group: -1}, path)
	if l.shape == shapeList {
		c.claim(l.name+"[]", target{leaf: index, group: -1, how: spelledAlias}, path)
	}
	c.tagged(l, tags)
	if err := tags.finish(); err != nil {
		c.fail(path, err)
	}
	switch l.shape {
	case shapeList, shapeMap, shapeStructs:
		c.open = append(c.open, index)
	}
	c.order = append(c.order, step{leaf: index, group: -1})
	c.names = append(c.names, l.name)
	c.leaves = append(c.leaves, *l)
}

// compileSub compiles the struct t that a leaf holds, as a plan of its own
// whose names are in brackets.
func (c *compiler) compileSub(t reflect.Type, l *leaf, in location, path string) *plan {
	sub := newCompiler(t, c.cfg)
	sub.calls = c.calls
	sub.fields(t, nil, location{group: -1, nested: true, depth: in.depth + 1, path: path})
	if len(sub.errs) == 0 && len(sub.leaves) == 0 {
		sub.fail(path, noParameters(t))
	}
	sub.finish()
	c.foreign = append(c.foreign, sub.foreign...)
	c.errs = append(c.errs, sub.errs...)
	return sub.plan
}

// resolve finds out the shape and the codec of t. It reports false for a
// struct, or a pointer to one, that nests.
func (c *compiler) resolve(l *leaf, t reflect.Type, tags *tagSet) (bool, error) {
	var err error
	if l.codec, err = scalar(t, tags, c.cfg.Codecs); l.codec != nil || err != nil {
		l.elem = t
		return true, err
	}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[optional]()):
		if t.Field(0).Anonymous || t.PkgPath() != reflect.TypeFor[optState]().PkgPath() {
			return false, fmt.Errorf("%s embeds an Opt, and the rest of it would be lost: use the Opt itself", typeName(t))
		}
		l.shape = shapeOpt
		value, _ := reflect.New(t).Interface().(optional).slot()
		l.elem = reflect.TypeOf(value).Elem()
	case t.Kind() == reflect.Pointer:
		l.shape, l.elem = shapePointer, t.Elem()
	case t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[byte]():
		return false, fmt.Errorf("%s is bytes: use a string, or a Codec", typeName(t))
	case t.Kind() == reflect.Slice:
		l.shape, l.elem = shapeList, t.Elem()
	case t.Kind() == reflect.Map:
		l.shape, l.elem = shapeMap, t.Elem()
		if l.keys, err = scalar(t.Key(), &tagSet{}, c.cfg.Codecs); err != nil {
			return false, fmt.Errorf("%s: its keys: %w", typeName(t), err)
		}
		if l.keys == nil {
			return false, fmt.Errorf("%s: its keys have no text form", typeName(t))
		}
	case t.Kind() == reflect.Struct:
		return false, nil
	default:
		return false, fmt.Errorf("%s has no text form: use a Codec, or leave the field out with query:\"-\"", typeName(t))
	}
	l.codec, err = scalar(l.elem, tags, c.cfg.Codecs)
	if err != nil || l.codec != nil {
		return true, err
	}
	if l.shape == shapeList && l.elem.Kind() == reflect.Struct {
		l.shape = shapeStructs
		return true, nil
	}
	if l.shape == shapePointer && l.elem.Kind() == reflect.Struct {
		return false, nil
	}
	return false, fmt.Errorf("%s: %s is not a single value", typeName(t), typeName(l.elem))
}

// nest compiles a struct under a name of its own.
func (c *compiler) nest(t reflect.Type, l leaf, tags *tagSet, in location, path string) {
	inner := location{prefix: l.name, group: in.group, depth: in.depth + 1, path: path}
	style, _ := tags.lookup("style")
	switch style {
	case "", "deepObject":
	case "dotted":
		inner.dotted = true
	case "form", "form,explode=true": // the fields are parameters themselves
		inner.prefix, inner.nested, inner.dotted = in.prefix, in.nested, in.dotted
		if t.Kind() == reflect.Pointer {
			tags.fail("style:%q: a pointer's struct could not be told from a missing one", style)
		}
	default:
		tags.fail("style:%q: use deepObject, dotted or form", style)
	}
	if err := tags.finish(); err != nil {
		c.fail(path, err)
		return
	}
	before := len(c.leaves) + len(c.errs)
	defer func() {
		if len(c.leaves)+len(c.errs) == before {
			c.fail(path, noParameters(t))
		}
	}()
	if t.Kind() != reflect.Pointer {
		c.fields(t, l.steps, inner)
		return
	}
	c.short(l.key, path)
	g := len(c.groups)
	if g >= maxGroups {
		c.fail(path, fmt.Errorf("the schema has more than %d pointers to structs", maxGroups))
		return
	}
	inner.group = g
	c.claim(l.name, target{group: g}, path)
	c.groups = append(c.groups, group{name: l.name, key: l.key, steps: l.steps, parent: in.group})
	c.order = append(c.order, step{leaf: -1, group: g})
	c.fields(t.Elem(), l.steps, inner)
	c.order = append(c.order, step{leaf: -1, group: g, end: true})
}

// noParameters returns the advice for a field with a query tag whose type is a struct
// without any.
func noParameters(t reflect.Type) error {
	return fmt.Errorf("%s is a struct without parameters and without a text form: give its fields query tags, give it MarshalText and UnmarshalText, use a Codec, or leave it out with query:\"-\"", typeName(t))
}

// short checks that the written key is not longer than the limits allow to read.
func (c *compiler) short(key, path string) {
	if most := c.cfg.Limits.MaxKeyLen; len(key) > most {
		c.fail(path, fmt.Errorf("the name takes %d bytes in a URL, more than Limits.MaxKeyLen, %d", len(key), most))
	}
}

func (c *compiler) claim(name string, t target, path string) {
	if _, taken := c.byName[name]; taken {
		c.fail(path, fmt.Errorf("the name %q is taken already", name))
	}
	c.byName[name] = t
	c.longest = max(c.longest, len(name))
}

// defaults checks every default by reading it, and keeps what Encode would
// write for it.
func (c *compiler) defaults() {
	for i := range c.leaves {
		l := &c.leaves[i]
		if !l.hasDefault {
			continue
		}
		v := reflect.New(c.typeAt(l.steps)).Elem()
		if code, err := c.setDefault(l, v); code != codeFine {
			c.fail(l.name, fmt.Errorf("default:%q: %w", strings.Join(l.def, ","), cause(code, err)))
			continue
		}
		e := encoder{p: c.plan, defaults: true}
		e.leaf(l, v)
		if len(e.errs) > 0 {
			c.fail(l.name, fmt.Errorf("default:%q: %w", strings.Join(l.def, ","), e.errs[0]))
			continue
		}
		l.defText = string(e.b)
	}
}
