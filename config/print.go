package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Print writes the configuration as YAML, with every default spelled out. It
// decodes to the same configuration; secrets are the references that they are.
func (c *Config) Print() []byte {
	p := &printer{
		bare:     regexp.MustCompile(`^(?:[A-Za-z_./][A-Za-z0-9_./-]*|[0-9]+[A-Za-z][A-Za-z0-9.]*)$`),
		mistaken: regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n|[-+.0-9].*e.*|0[box].*|\.inf|\.nan|\.+[0-9_.]*)$`),
	}
	p.settings(reflect.ValueOf(c).Elem())
	return p.out.Bytes()
}

// MarshalYAML writes what Print writes. It implements yaml.BytesMarshaler.
func (c *Config) MarshalYAML() ([]byte, error) { return c.Print(), nil }

// printer writes the notation that reader reads.
type printer struct {
	out      bytes.Buffer
	indent   int
	bare     *regexp.Regexp // what needs no quotes,
	mistaken *regexp.Regexp // unless YAML or its readers take it for something else
}

// selfPrinter is a mapping that knows its own entries.
type selfPrinter interface{ print(p *printer) }

// omitter is a struct some of whose settings say nothing in some cases.
type omitter interface{ omits(key string) bool }

// settings writes a struct's settings. What is empty is left out.
func (p *printer) settings(v reflect.Value) {
	omitter, _ := v.Addr().Interface().(omitter)
	for _, f := range fieldsOf(v) {
		if omitter != nil && omitter.omits(f.name) {
			continue
		}
		switch f.value.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String:
			if f.value.IsZero() || f.value.Kind() != reflect.Pointer && f.value.Len() == 0 {
				continue
			}
		case reflect.Struct:
			if _, text := f.value.Interface().(fmt.Stringer); text && f.value.IsZero() {
				continue
			}
		}
		p.entry(f.name, f.value.Addr().Interface())
	}
}

// entry writes one setting; value points to it.
func (p *printer) entry(name string, value any) {
	p.out.WriteString(strings.Repeat("  ", p.indent) + p.quoted(name) + ":")
	v := reflect.ValueOf(value).Elem()
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if self, ok := value.(selfPrinter); ok {
		p.nested(func() { self.print(p) })
		return
	}
	if text, ok := v.Interface().(fmt.Stringer); ok {
		p.scalar(p.quoted(text.String()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		p.nested(func() { p.settings(v) })
	case reflect.Map:
		p.nested(func() { p.dictionary(v) })
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = p.quoted(v.Index(i).String())
		}
		p.scalar("[" + strings.Join(items, ", ") + "]")
	case reflect.String:
		p.scalar(p.quoted(v.String()))
	case reflect.Float64:
		p.scalar(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	default:
		p.scalar(fmt.Sprint(v.Interface()))
	}
}

// scalar ends a line with a value.
func (p *printer) scalar(text string) { p.out.WriteString(" " + text + "\n") }

// nested writes a block, or {} for an empty one.
func (p *printer) nested(write func()) {
	start := p.out.Len()
	p.out.WriteString("\n")
	p.indent++
	write()
	p.indent--
	if p.out.Len() == start+1 {
		p.out.Truncate(start)
		p.scalar("{}")
	}
}

// dictionary writes a map in the order of its keys.
func (p *printer) dictionary(v reflect.Value) {
	entries := map[string]string{}
	for it := v.MapRange(); it.Next(); {
		entries[it.Key().String()] = it.Value().String()
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		value := entries[key]
		p.entry(key, &value)
	}
}

// quoted writes text such that YAML reads it back as text: bare where no reader
// could take it for anything else, in JSON's quotes otherwise.
func (p *printer) quoted(text string) string {
	if p.bare.MatchString(text) && !p.mistaken.MatchString(text) {
		return text
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // a < b shall stay readable
	if err := encoder.Encode(text); err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
