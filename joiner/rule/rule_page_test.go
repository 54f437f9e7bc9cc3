package rule

import (
	"regexp"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// tableRows are the rows of a page's tables that have so many cells.
func tableRows(page string, wanted int) [][]string {
	var rows [][]string
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		if len(cells) == wanted {
			rows = append(rows, cells)
		}
	}
	return rows
}

// TestPageExamples evaluates every condition of CONDITIONS.md for the outcome
// beside it.
func TestPageExamples(t *testing.T) {
	examples := 0
	for _, cells := range tableRows(Conditions(), 3) {
		if cells[2] != "yes" && cells[2] != "no" {
			continue
		}
		examples++
		source, given := strings.Trim(cells[0], "`"), strings.Trim(cells[1], "`")
		t.Run(source+" "+given, func(t *testing.T) {
			condition, err := Compile(source)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(given, "{", `{"request_id": "r", "ts": "2026-01-01T00:00:00Z", `, 1)
			if got := condition.Holds(outcomeOf(t, text)); got != (cells[2] == "yes") {
				t.Errorf("got %v, and the page says %s", got, cells[2])
			}
		})
	}
	if examples < 20 {
		t.Errorf("only %d examples found", examples)
	}
}

// TestPageRowExamples evaluates the conditions that look at the row.
func TestPageRowExamples(t *testing.T) {
	examples := 0
	for _, cells := range tableRows(Conditions(), 4) {
		if cells[3] != "yes" && cells[3] != "no" {
			continue
		}
		examples++
		source, given, request := strings.Trim(cells[0], "`"), strings.Trim(cells[1], "`"), strings.Trim(cells[2], "`")
		t.Run(source+" "+given+" "+request, func(t *testing.T) {
			condition, err := Compile(source)
			if err != nil {
				t.Fatal(err)
			}
			o := outcomeOf(t, strings.Replace(given, "{", `{"request_id": "r", "ts": "2026-01-01T00:00:00Z", `, 1))
			text := strings.Replace(request, "{", `{"request_id": "r", "ts": "2026-01-01T00:00:00Z", "items": [{"item_id": "a", "position": 2, "features": {"price": 5}}], `, 1)
			text = strings.Replace(text, ", }", "}", 1)
			var d jsonevent.Decoder
			req, err := d.DecodeRequest([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			yes, err := condition.InRow(o, &req, 0)
			if got := condition.Holds(o) && err == nil && yes; got != (cells[3] == "yes") {
				t.Errorf("got %v (%v), and the page says %s", got, err, cells[3])
			}
		})
	}
	if examples < 10 {
		t.Errorf("only %d examples found", examples)
	}
}

// TestPageFunctions wants every function in CONDITIONS.md, with an example
// that uses it and is true.
func TestPageFunctions(t *testing.T) {
	called := regexp.MustCompile(`(\w+)\(`)
	shown := map[string]bool{}
	for _, cells := range tableRows(Conditions(), 3) {
		if !strings.Contains(cells[0], "(") || cells[2] == "yes" || cells[2] == "no" {
			continue
		}
		source := strings.Trim(cells[2], "`")
		condition, err := Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if !condition.Holds(&events.Outcome{}) {
			t.Errorf("%s is not true", source)
		}
		for _, name := range called.FindAllStringSubmatch(cells[0], -1) {
			if !strings.Contains(source, name[1]+"(") {
				t.Errorf("the example beside %s does not use %s: %s", cells[0], name[1], source)
			}
			shown[name[1]] = true
		}
	}
	for _, name := range Functions() {
		if !shown[name] {
			t.Errorf("the function %s is not in CONDITIONS.md", name)
		}
		delete(shown, name)
	}
	for name := range shown {
		t.Errorf("CONDITIONS.md has the function %s, and the language does not", name)
	}
	for _, name := range Variables() {
		if !strings.Contains(Conditions(), "\n| `"+name+"` |") {
			t.Errorf("the name %s is not in CONDITIONS.md", name)
		}
	}
}

func outcomeOf(t *testing.T, text string) *events.Outcome {
	t.Helper()
	var d jsonevent.Decoder
	o, _, err := d.DecodeOutcome([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &o
}
