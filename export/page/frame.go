package page

import (
	"bytes"
	_ "embed" // for the templates
	"html/template"
	"io"
)

//go:embed shell.html
var shellHTML string

//go:embed parts.html
var partsHTML string

// frame is what is around every page of a running joiner.
type frame struct {
	Title, Heading string // of the window, and before the name in the first line
	Name           string // of the joiner
	At             string // the page's path
	Refresh        int    // after how many seconds the page is loaded again; 0: never
	Body           any    // of the template "main"
}

// link leads to another page.
type link struct {
	At, Text string
	Here     bool
}

// links are the pages of a running joiner.
func links(at string) []link {
	list := []link{
		{At: "/", Text: "now"}, {At: "/days", Text: "days"}, {At: FeaturesPath, Text: "features"},
		{At: LabelsPath, Text: "labels"}, {At: EventsPath, Text: "events"}, {At: RequestPath, Text: "a request"},
		{At: ShardsPath, Text: "shards"}, {At: "/status", Text: "status as JSON"}, {At: "/metrics", Text: "metrics"},
	}
	for i := range list {
		list[i].Here = list[i].At == at
	}
	return list
}

// Policy is what a page of a running joiner may use, for the header Content-Security-Policy: its own
// style, forms that go back to the joiner, and nothing else. No other page may have it in a frame.
func Policy() string { return policyOf("'self'; frame-ancestors 'none'") }

// render writes a page of a running joiner.
func render(w io.Writer, f *frame, body string) error {
	return execute(w, struct {
		*frame
		Links []link
		Style template.CSS
	}{f, links(f.At), template.CSS(styleCSS)}, shellHTML, partsHTML, body)
}

// recordShown is how many characters of a record, a rule or a sentence are shown.
const recordShown = 400

// execute renders a page whole before it writes any of it: a template that stops in the middle must
// not leave half of a page. The first text is the page, the others have its parts.
func execute(w io.Writer, view any, texts ...string) error {
	t := template.New("page").Funcs(template.FuncMap{
		"show":   short,
		"record": func(text string) string { return clip(text, recordShown) },
	})
	for _, text := range texts[1:] {
		if _, err := t.New("part").Parse(text); err != nil {
			return err
		}
	}
	if _, err := t.Parse(texts[0]); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, view); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}
