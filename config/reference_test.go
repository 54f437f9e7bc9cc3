package config

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write REFERENCE.md anew")

// setting is one entry of the reference.
type setting struct {
	path  string
	block bool
	said  string // the sentences
	why   string // the reason of the default
	typ   reflect.Type
	value reflect.Value // the default
}

// TestReferencePage wants a sentence and a reason for every setting, and
// REFERENCE.md to be what they make.
func TestReferencePage(t *testing.T) {
	settings := settingsOf(t)
	for _, s := range settings {
		switch {
		case s.said == "":
			t.Errorf("%s has no sentence: write a comment above its field", s.path)
		case !strings.HasSuffix(s.said, "."):
			if !strings.HasSuffix(s.said, ":") { // the list of characters of a separator
				t.Errorf("%s: its comment does not end with a full stop: %q", s.path, s.said)
			}
		}
		if !s.block && s.why == "" {
			t.Errorf("%s gives no reason for its default: end the comment of its field with a paragraph `Default: ...`", s.path)
		}
	}
	page := renderReference(settings)
	if *update {
		if err := os.WriteFile("REFERENCE.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old, err := os.ReadFile("REFERENCE.md"); err != nil || !bytes.Equal(old, page) {
		t.Errorf("REFERENCE.md is not what the comments of the settings say (%v): go test ./config -run TestReferencePage -update", err)
	}
}

// TestReferenceBounds holds the sentences "From X to Y." to what is accepted.
func TestReferenceBounds(t *testing.T) {
	bounds := regexp.MustCompile(`(?:From|are from) (\S+) to (\S+)\.`)
	checked := 0
	for _, s := range settingsOf(t) {
		m := bounds.FindStringSubmatch(strings.ReplaceAll(s.said, "\n", " "))
		if m == nil {
			continue
		}
		checked++
		t.Run(s.path, func(t *testing.T) {
			least, most := m[1], m[2]
			for _, good := range []string{least, most} {
				if about := problemsAbout(s.path, good); about != "" {
					t.Errorf("%s: the comment says that it is allowed: %s", good, about)
				}
			}
			for _, bad := range []string{outside(t, s, least, -1), outside(t, s, most, 1)} {
				if bad != "" && problemsAbout(s.path, bad) == "" {
					t.Errorf("%s: the comment says that it is not allowed, but it is", bad)
				}
			}
		})
	}
	if checked < 15 {
		t.Errorf("only %d settings with bounds found", checked)
	}
}

// outside is the value that is one step beyond a bound; empty: it cannot be written.
func outside(t *testing.T, s setting, bound string, step int64) string {
	t.Helper()
	switch s.typ {
	case reflect.TypeFor[Duration]():
		d, err := ParseDuration(bound)
		if err != nil {
			t.Fatal(err)
		}
		return (d + Duration(step)).String()
	case reflect.TypeFor[Size]():
		var size Size
		if err := size.parse(bound); err != nil {
			t.Fatal(err)
		}
		if size+Size(step) < 0 {
			return ""
		}
		return fmt.Sprintf("%dB", size+Size(step))
	case reflect.TypeFor[int64]():
		var n int64
		if _, err := fmt.Sscan(bound, &n); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(n + step)
	}
	t.Fatalf("%s has bounds, and its type %s is not known to this test", s.path, s.typ)
	return ""
}

// problemsAbout is what is wrong with one setting of a configuration that has
// the value there; problems that other settings have with it are not its own.
func problemsAbout(path, value string) string {
	path = strings.ReplaceAll(path, "<label>", "clicked")
	names := strings.Split(path, ".")
	var text strings.Builder
	if names[0] == "nats" {
		text.WriteString("nats:\n  embedded: true\n  " + names[1] + ": " + value + "\n")
	} else {
		for i, name := range names {
			text.WriteString(strings.Repeat("  ", i) + name + ":")
			if i == len(names)-1 {
				text.WriteString(" " + value)
			}
			text.WriteString("\n")
		}
	}
	if names[0] == "labels" {
		text.WriteString("    when: type == \"click\"\n")
	} else {
		text.WriteString("labels:\n  clicked: type == \"click\"\n")
	}
	_, err := Decode("", []byte(text.String()))
	if problems, ok := err.(*Error); ok {
		for _, p := range problems.Problems {
			if p.Path == path || p.Path == "" {
				return p.Message
			}
		}
	}
	return ""
}

func TestReferenceOf(t *testing.T) {
	for _, c := range []struct{ path, holds, lacks string }{
		{"join.window", "### `join.window`", "### `join.lateness`"},
		{"join", "### `join.lateness`", "`labels`"},
		{"labels.clicked.window", "### `labels.<label>.window`", "`join.window`\n"},
		{"output.roll", "### `output.roll.rows`", "### `output.dir`"},
		{"features.declare.age", "### `features.declare.<feature>`", "separator"},
	} {
		t.Run(c.path, func(t *testing.T) {
			text, err := ReferenceOf(c.path)
			if err != nil || !strings.Contains(text, c.holds) || strings.Contains(text, c.lacks) {
				t.Errorf("got %q, %v; want it to hold %q and not %q", text, err, c.holds, c.lacks)
			}
		})
	}
	for path, said := range map[string]string{
		"join.windw":  "did you mean join.window?",
		"lateness":    "did you mean join.lateness?",
		"no such one": "or a block: name, nats, inputs",
	} {
		t.Run(path, func(t *testing.T) {
			if _, err := ReferenceOf(path); err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("%s: got %v, want %q", path, err, said)
			}
		})
	}
}

// settingsOf lists every block and setting, in order, with its comments.
func settingsOf(t *testing.T) []setting {
	t.Helper()
	c := Default()
	w := &walker{comments: fieldComments(t)}
	w.fields("", reflect.ValueOf(&c).Elem())
	return w.found
}

// walker collects the settings of a struct.
type walker struct {
	comments map[string]string // Type.Field -> text
	found    []setting
}

func (w *walker) fields(path string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		said, why, _ := strings.Cut("\n"+w.comments[v.Type().Name()+"."+f.Name], "\nDefault: ")
		s := setting{
			path: join(path, name), said: strings.TrimSpace(said), why: strings.TrimSpace(why),
			typ: f.Type, value: v.Field(i),
		}
		w.setting(s)
	}
}

// setting adds one, and what is in it.
func (w *walker) setting(s setting) {
	v, t := s.value, s.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		v = reflect.New(t).Elem()
	}
	switch {
	case t == reflect.TypeFor[Labels]():
		s.block = true
		w.found = append(w.found, s)
		w.fields("labels.<label>", reflect.ValueOf(&Label{Value: Any}).Elem())
	case t == reflect.TypeFor[LabelColumns]():
		s.block = true
		w.found = append(w.found, s)
		w.fields(s.path+".<column>", reflect.ValueOf(&LabelColumn{}).Elem())
	case t == reflect.TypeFor[Inputs]():
		s.block = true
		w.found = append(w.found, s)
		w.fields("inputs", reflect.ValueOf(&Inputs{}).Elem())
		w.fields("inputs.<input>", reflect.ValueOf(new(newInput(""))).Elem())
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[Secret]():
		s.block = true
		w.found = append(w.found, s)
		w.fields(s.path, v)
	case t.Kind() == reflect.Map:
		key := "<feature>"
		switch {
		case strings.HasPrefix(s.path, "inputs."):
			key = "<field>"
		case s.path == "export.sample.models":
			key = "<model>"
		case s.path == "export.sample.labels":
			key = "<label>"
		}
		s.path += "." + key
		s.typ, s.value = t.Elem(), reflect.New(t.Elem()).Elem()
		w.found = append(w.found, s)
	default:
		w.found = append(w.found, s)
	}
}

// fieldComments reads the comments above the fields of all structs here.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, field := range f.Names {
						comments[spec.Name.Name+"."+field.Name] = f.Doc.Text()
					}
				}
			}
			return true
		})
	}
	return comments
}

// renderReference writes the page.
func renderReference(settings []setting) []byte {
	var out bytes.Buffer
	out.WriteString("# Configuration reference\n\n" +
		"<!-- Made from the comments of the settings: go test ./config -run TestReferencePage -update -->\n\n" +
		wrap("Every setting, with its unit, its default, and the reason of the default. `labeljoin config reference` "+
			"prints this page, and `labeljoin config reference join.window` one setting or block. `labeljoin config print` "+
			"prints your own configuration with every default, and `labeljoin config check` says what it means.") + "\n\n" +
		wrap("A **duration** is written `90s`, `1h30m`, `7d` or `2w`; a day is 24 hours. A **size** is written `64KiB` or "+
			"`10MB`. A **path** that is relative counts from the folder of the configuration. A **secret** is the name of an "+
			"environment variable, written `${NAME}`.") + "\n\n")
	var blocks []string
	for _, s := range settings {
		if !strings.Contains(s.path, ".") {
			blocks = append(blocks, fmt.Sprintf("[%s](#%s)", s.path, s.path))
		}
	}
	out.WriteString(wrap("Contents: "+strings.Join(blocks, ", ")+".") + "\n")
	for _, s := range settings {
		level := "###"
		if !strings.Contains(s.path, ".") {
			level = "##"
		}
		fmt.Fprintf(&out, "\n%s `%s`\n\n%s\n", level, s.path, wrap(s.said))
		if !s.block {
			fmt.Fprintf(&out, "\n%s\n", wrap(typeText(s.typ)+" Default"+defaultText(s)+": "+s.why))
		}
	}
	return out.Bytes()
}

// defaultText is the value of the default; nothing where the reason says it.
func defaultText(s setting) string {
	v := s.value
	switch computed := map[string]bool{"nats.url": true, "guard.patience": true, "join.max_age": true, "labels.<label>.window": true, "labels.<label>.min": true, "export.daily.after": true, "output.compact.after": true}; {
	case computed[s.path]:
		return ""
	case v.Kind() == reflect.Slice, v.Kind() == reflect.String && v.Len() == 0, v.Type() == reflect.TypeFor[Secret]():
		if strings.HasPrefix(s.why, "none") {
			return ""
		}
		return " none"
	}
	if text, ok := v.Interface().(fmt.Stringer); ok {
		return " `" + text.String() + "`"
	}
	return fmt.Sprintf(" `%v`", v.Interface())
}

// typeText says how a value of the type is written.
func typeText(t reflect.Type) string {
	if words, ok := reflect.New(t).Elem().Interface().(enum); ok {
		return "One of `" + strings.Join(words.words(), "`, `") + "`."
	}
	switch t {
	case reflect.TypeFor[Duration]():
		return "Duration."
	case reflect.TypeFor[Size]():
		return "Size."
	case reflect.TypeFor[Secret]():
		return "Secret."
	case reflect.TypeFor[URLs]():
		return "Text, or a list of texts."
	}
	switch t.Kind() {
	case reflect.Bool:
		return "`true` or `false`."
	case reflect.Int64:
		return "Whole number."
	case reflect.Float64:
		return "Number."
	}
	return "Text."
}

// wrap breaks paragraphs at 100 columns.
func wrap(text string) string {
	var out strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		if i > 0 && column+1+len(word) > 100 {
			out.WriteByte('\n')
			column = 0
		} else if i > 0 {
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}
