package queryparams

import (
	"reflect"
)

// repetition says what happens with a single value that is given more than once, in the
// order of the values of the duplicate tag.
type repetition uint8

const (
	repeatedReject repetition = iota // a fault: parsers that disagree on the winner are an attack
	_                                // the first counts
	repeatedLast                     // the last counts, as in Streamlit
)

type shape uint8

const (
	shapeScalar  shape = iota // T
	shapePointer              // *T
	shapeOpt                  // Opt[T]
	shapeList                 // []T
	shapeMap                  // map[K]T, as name[key]=value
	shapeStructs              // []struct, as name[0][field]=value
)

// leaf is one parameter: a field that holds a scalar or a collection of them.
type leaf struct {
	name  string // as decoded
	key   string // as written, escaped
	steps []int  // struct fields from the root to the value
	group int    // the innermost pointer to a struct above it; -1: none

	shape         shape
	codec         codec
	isText        bool         // it is stringCodec
	foreign       bool         // it runs code of the type or of the program
	elem          reflect.Type // what codec reads
	keys          codec        // of a map's keys
	sep           byte         // between the items of a list in one value; 0: one pair each
	sub           *plan        // of the elements of shapeStructs; its names are in brackets
	rules         rules
	splitsEscaped bool // an escaped sep separates as well
	minimum       int  // elements
	maximum       int  // elements
	pairs         int  // of shapeStructs: Limits.MaxElements, whatever they belong to

	duplicate    repetition
	correct      bool // an invalid value becomes the default
	required     bool
	secret       bool
	control      bool // control characters are allowed
	doc          string
	emptyMissing bool // an empty value counts as missing
	emptyBad     bool // an empty value is a fault

	hasDefault  bool
	def         []string // default texts: one, or a list's items
	defText     string   // the default as Encode would write it
	want        string   // what is allowed
	wantInRange string   // the same with the limits of the Go type
}

// suggestion is the allowed value that is nearest to the text that was sent for
// the leaf; empty if none is.
func (l *leaf) suggestion(text string) string {
	options := l.rules.enumText
	if c, ok := l.codec.(interface{ options() []string }); ok && options == nil {
		options = c.options()
	}
	if l.secret || len(text) > safeValueBytes {
		return ""
	}
	return nearest(text, options)
}

// group is a pointer to a struct: allocated when one of its parameters, or
// its own name without a value, is in the query.
type group struct {
	name, key string
	steps     []int
	parent    int
}

// target is what a name in the query means: a leaf, its name[] alias, or a
// group.
type target struct {
	leaf  int
	group int // -1: it is a leaf
	how   spelling
}

// spelling is how a parameter's name was written.
type spelling uint8

const (
	spelledAlias  spelling = 1 << iota // name[] or name[0]
	spelledFolded                      // in another case
)

// step is one piece of work of the encoder, in schema order.
type step struct {
	leaf, group int // the other is -1
	end         bool
}

// plan is a compiled schema. It is immutable.
type plan struct {
	cfg     SchemaConfig
	typ     reflect.Type
	leaves  []leaf
	groups  []group
	order   []step
	byName  map[string]target
	folded  map[string]target // by the name in lower case, if case does not matter
	names   []string          // of leaves, for suggestions
	longest int               // the length of the longest name in byName
	open    []int             // the leaves that own names beginning with name[
	rest    []int             // steps to the url.Values for unknown parameters
	hasRest bool
	hooked  bool // *T is a Validator
}

// setDefault reads the default into v. A default is read anew each time: the
// caller owns what it refers to.
func (p *plan) setDefault(l *leaf, v reflect.Value) (Code, error) {
	if l.shape == shapeScalar {
		return l.set(v, l.def[0])
	}
	v.Set(reflect.MakeSlice(v.Type(), len(l.def), len(l.def)))
	for i, text := range l.def {
		if code, err := l.set(v.Index(i), text); code != codeFine {
			return code, err
		}
	}
	return codeFine, nil
}

// set reads one scalar and checks it.
func (l *leaf) set(v reflect.Value, text string) (Code, error) {
	if l.isText && !l.rules.any { // the usual field, without a call
		v.SetString(text)
		return codeFine, nil
	}
	if code, err := l.codec.parse(v, text); code != codeFine || !l.rules.any {
		return code, err
	}
	return l.rules.check(l.codec, v), nil
}

// fits reports whether the type of the leaf has room for what text says, which
// may still be more or less than its rules allow.
func (l *leaf) fits(text string) bool {
	code, _ := l.codec.parse(reflect.New(l.elem).Elem(), text)
	return code != CodeRange
}

// typeAt is the type of the field that steps lead to.
func (p *plan) typeAt(steps []int) reflect.Type {
	t := p.typ
	for _, i := range steps {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		t = t.Field(i).Type
	}
	return t
}

// at follows steps from a struct; pointers on the way must not be nil.
func at(v reflect.Value, steps []int) reflect.Value {
	for _, i := range steps {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}
