package terminal

import (
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
)

// PlainText takes the marks of Markdown away: what is left reads well on a
// terminal. Code keeps its characters, because they are part of it.
func PlainText(page string) string {
	p := plainPage{
		link:  regexp.MustCompile(`\[([^\]]*)\]\([^()]*\)`),
		marks: strings.NewReplacer("`", "", "**", "", `\|`, "|"),
	}
	comment := regexp.MustCompile(`(?s)<!--.*?-->\n*`)
	for line := range strings.Lines(comment.ReplaceAllString(page, "")) {
		p.Line(strings.TrimRight(line, "\n"))
	}
	p.endTable()
	return p.out.String()
}

// plainPage is what plainText knows while it reads a page.
type plainPage struct {
	link   *regexp.Regexp
	marks  *strings.Replacer
	out    strings.Builder
	fenced bool     // inside of a code block
	rows   []string // of the table that is being read
}

// Line adds one line of the page.
func (p *plainPage) Line(text string) {
	if strings.HasPrefix(text, "|") && !p.fenced {
		p.row(text)
		return
	}
	p.endTable()
	switch {
	case strings.HasPrefix(text, "```"):
		p.fenced = !p.fenced
	case p.fenced:
		p.out.WriteString(strings.TrimRight("    "+text, " ") + "\n")
	case strings.HasPrefix(text, "    "):
		p.out.WriteString(text + "\n")
	case strings.HasPrefix(text, "#"):
		title := strings.TrimLeft(text, "#")
		level := len(text) - len(title)
		title = p.plain(strings.TrimSpace(title))
		p.out.WriteString(title + "\n")
		if level <= 2 {
			p.out.WriteString(strings.Repeat("-", len([]rune(title))) + "\n")
		}
	default:
		p.out.WriteString(p.plain(text) + "\n")
	}
}

// plain takes links and marks out of a line.
func (p *plainPage) plain(text string) string {
	return p.marks.Replace(p.link.ReplaceAllString(text, "$1"))
}

// row keeps a row of a table. The line below the heads of a table, and a row of
// empty heads, say nothing.
func (p *plainPage) row(text string) {
	if strings.Trim(text, "|-: ") == "" {
		return
	}
	const bar = "\x00" // an escaped | is text and ends no cell
	text = strings.ReplaceAll(strings.Trim(text, "|"), `\|`, bar)
	cells := strings.Split(text, "|")
	for i := range cells {
		cells[i] = strings.ReplaceAll(p.plain(strings.TrimSpace(cells[i])), bar, "|")
	}
	p.rows = append(p.rows, "  "+strings.Join(cells, "\t"))
}

// endTable writes the rows that were kept, one column below the other.
func (p *plainPage) endTable() {
	w := tabwriter.NewWriter(&p.out, 0, 0, 2, ' ', 0)
	for _, row := range p.rows {
		fmt.Fprintln(w, row)
	}
	w.Flush()
	p.rows = nil
}
