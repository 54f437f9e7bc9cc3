package page

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
)

//go:embed home.html
var homeHTML string

// Home is what the first screen about a running joiner shows.
type Home struct {
	Name  string
	Ready bool
	Text  string // whether it joins, and what it waits for
	// Status are the lines of labeljoin status.
	Status string
	// Refresh is after how many seconds the page is loaded again.
	Refresh int
}

// Policy is what the page may use, for the header Content-Security-Policy: its
// own style and nothing else.
func Policy() string { return policy() }

// WriteHome writes the first screen. Everything on it is text.
func WriteHome(w io.Writer, h *Home) error {
	t, err := template.New("home").Parse(homeHTML)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		*Home
		Policy string
		Style  template.CSS
	}{h, policy(), template.CSS(styleCSS)})
	if err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}
