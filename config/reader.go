package config

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader fills structs from YAML nodes by their yaml tags. Unlike a general
// decoder it goes on after a problem, remembers where every setting stands, and
// takes nothing for something else: text is not a number, and an unknown key is
// an error.
type reader struct {
	source   source
	problems []Problem
	only     []string // top-level keys to read; nil: all, and no others may be there
	broken   bool     // the document is not YAML, so nothing else can be said of it
}

// selfReader is a type with a notation of its own.
type selfReader interface {
	read(r *reader, n ast.Node, path string)
}

// textReader is a type that is written as text in a notation of its own.
type textReader interface{ parse(text string) error }

func newReader(name string, src []byte) *reader {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")) // as Windows editors begin files
	return &reader{source: source{name: name, src: src, at: map[string]place{}}}
}

// parse reads the document; nil says that it is empty or that there are problems.
func (r *reader) parse() (root ast.Node) {
	// The parser is a library and meets whatever people type: a panic in
	// it must not take the program down.
	defer func() {
		if p := recover(); p != nil {
			r.breaks(place{}, fmt.Sprintf("this is not YAML that can be read (%v)", p))
			root = nil
		}
	}()
	if len(r.source.src) > maxSource {
		r.breaks(place{}, fmt.Sprintf("a configuration has at most %s: this is another file", Size(maxSource)))
		return nil
	}
	if !utf8.Valid(r.source.src) {
		r.breaks(place{}, "the file is not UTF-8: save it as such")
		return nil
	}
	if at, deep := tooDeep(r.source.src); deep {
		r.breaks(at, fmt.Sprintf("this is nested more than %d levels deep, or has more than %d keys: a configuration is smaller", maxNesting, maxKeys))
		return nil
	}
	file, err := parser.ParseBytes(r.source.src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := syntax(err)
		message += r.source.yamlAdvice(at, message)
		if bytes.Contains(r.source.src, []byte("${")) {
			message += " (within { and }, a ${NAME} needs quotes)"
		}
		r.breaks(at, message)
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case root != nil:
			r.breaks(placeOf(doc.Body), "a second document begins here: a configuration is one document")
			return nil
		default:
			root = doc.Body
		}
	}
	if root != nil && !isMapping(root) {
		r.breaks(placeOf(root), shown(root)+" stands where settings belong, as name: value")
		return nil
	}
	return root
}

// breaks reports a problem after which nothing can be read.
func (r *reader) breaks(at place, message string) {
	r.broken = true
	r.problems = append(r.problems, Problem{Line: max(1, at.line), Column: max(1, at.column), Message: message})
}

// syntax is the place and message of the parser's error.
func syntax(err error) (place, string) {
	var known yaml.Error
	if errors.As(err, &known) {
		return placeAt(known.GetToken()), "this is not YAML: " + known.GetMessage()
	}
	return place{}, "this is not YAML: " + err.Error()
}

// yamlAdvice is the way out of what people stumble over in YAML; empty if the line shows none of it.
func (s *source) yamlAdvice(at place, message string) string {
	lines := strings.Split(string(s.src), "\n")
	if at.line < 1 || at.line > len(lines) {
		return ""
	}
	line := lines[at.line-1]
	_, value, colon := strings.Cut(line, ":")
	switch indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; {
	case strings.Contains(indent, "\t"):
		return ": indent with spaces, YAML takes no tabs"
	case !colon && strings.TrimSpace(line) != "":
		return ": is a colon missing in this line?"
	case strings.HasPrefix(strings.TrimSpace(value), "{"), strings.HasPrefix(strings.TrimSpace(value), "["):
		if !strings.Contains(message, "must be specified") {
			return ""
		}
		return ": within { and }, a text with brackets, quotes or a comma stands in quotes"
	case len(indent) > 0 && at.column == len(indent)+1 && !strings.Contains(value, ": "):
		return ": is this line indented by mistake, or the line before it not finished?"
	case strings.Contains(value, ": "):
		return ": put the value in quotes, because it has a colon in it"
	case strings.ContainsAny(value, "!&*{}[]'\"?"):
		return ": put the whole value in quotes"
	}
	return ""
}

// problem reports what is wrong with the setting at path.
func (r *reader) problem(at place, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{
		Path: path, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...),
	})
}

// value reads a node into what the pointer points to.
func (r *reader) value(n ast.Node, path string, into any) {
	at := placeOf(n)
	if _, known := r.source.at[path]; !known || at.line > 0 && !isMapping(n) {
		r.source.at[path] = at
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.problem(at, path, "anchors, aliases and tags are not part of a configuration: write the value out, "+
			"in quotes if it begins with !, & or *")
		return
	}
	switch into := into.(type) {
	case selfReader:
		into.read(r, n, path)
		return
	case textReader:
		r.notation(n, path, into)
		return
	}
	v := reflect.ValueOf(into).Elem()
	if words, ok := v.Interface().(enum); ok {
		r.word(n, path, v, words.words())
		return
	}
	r.byKind(n, path, v)
}

// byKind reads what has no notation of its own.
func (r *reader) byKind(n ast.Node, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, path, v.Interface())
	case reflect.Struct:
		r.fields(n, path, v)
	case reflect.Map:
		r.dictionary(n, path, v)
	case reflect.Slice:
		r.list(n, path, v)
	case reflect.String:
		if text, ok := r.text(n, path); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		r.problem(placeOf(n), path, "%s is not true or false", shown(n))
	case reflect.Int64, reflect.Float64:
		r.number(n, path, v)
	}
}

// fields reads a mapping into a struct.
func (r *reader) fields(n ast.Node, path string, v reflect.Value) {
	known := fieldsOf(v)
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	for key, value := range r.entries(n, path, names...) {
		i := slices.Index(names, key)
		at := r.source.at[join(path, key)]
		switch {
		case path == "" && r.only != nil && !slices.Contains(r.only, key):
		case i < 0:
			r.problem(at, join(path, key), "%s", unknownKey(key, names))
		case isNull(value):
			// A block whose settings are all commented out is its default.
			if k := known[i].value.Kind(); k != reflect.Struct && k != reflect.Map && k != reflect.Slice {
				r.problem(at, join(path, key), "has no value: give it one or remove the line")
			}
		default:
			r.value(value, join(path, key), known[i].value.Addr().Interface())
		}
	}
}

// dictionary reads a mapping into a map from text.
func (r *reader) dictionary(n ast.Node, path string, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for key, value := range r.entries(n, path) {
		element := reflect.New(v.Type().Elem())
		r.value(value, join(path, key), element.Interface())
		v.SetMapIndex(reflect.ValueOf(key), element.Elem())
	}
}

// list reads a sequence.
func (r *reader) list(n ast.Node, path string, v reflect.Value) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		r.problem(placeOf(n), path, "%s is not a list", shown(n))
		return
	}
	v.SetZero()
	for i, value := range sequence.Values {
		element := reflect.New(v.Type().Elem())
		r.value(value, path+"["+strconv.Itoa(i)+"]", element.Interface())
		v.Set(reflect.Append(v, element.Elem()))
	}
}

// entries walks a mapping in its order, without keys that came before. The known ones, if they are given, are named
// where there is none.
func (r *reader) entries(n ast.Node, path string, known ...string) iter.Seq2[string, ast.Node] {
	return func(yield func(string, ast.Node) bool) {
		mapping, ok := n.(ast.MapNode)
		if !ok {
			there := ""
			if len(known) > 0 {
				there = "; there are " + strings.Join(known, ", ")
			}
			r.problem(placeOf(n), path, "%s stands where settings belong, as name: value%s", shown(n), there)
			return
		}
		first := map[string]place{}
		for entry := mapping.MapRange(); entry.Next(); {
			key, ok := keyText(entry.Key())
			at := placeOf(entry.Key())
			if !ok {
				r.problem(at, path, "%s cannot be a key: keys are names", shown(entry.Key()))
				continue
			}
			if before, again := first[key]; again {
				r.problem(at, join(path, key), "is there twice: the other one is in line %d", before.line)
				continue
			}
			first[key], r.source.at[join(path, key)] = at, at
			if !yield(key, entry.Value()) {
				return
			}
		}
	}
}

// field is one setting of a struct.
type field struct {
	name  string
	value reflect.Value
}

// fieldsOf lists a struct's settings, those with a yaml tag, in order.
func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name != "" && name != "-" {
			fields = append(fields, field{name, v.Field(i)})
		}
	}
	return fields
}

// join makes the path of a setting, like join.window.
func join(names ...string) string {
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "" }), ".")
}

// placeOf is where a node begins.
func placeOf(n ast.Node) place {
	if n == nil {
		return place{}
	}
	return placeAt(n.GetToken())
}

func placeAt(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}
