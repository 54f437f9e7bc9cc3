package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestMostInputs: as many inputs and subjects as are allowed are taken, and one more is refused, in
// one sentence that says how many are allowed.
func TestMostInputs(t *testing.T) {
	inputs := func(inputs, subjects int) string {
		var text strings.Builder
		text.WriteString("labels: {x: 'true'}\ninputs:\n  outcomes: {subject: outcomes.>}\n")
		for i := range inputs - 1 {
			fmt.Fprintf(&text, "  in%d: {kind: request, subject: [", i)
			for j := range subjects {
				fmt.Fprintf(&text, "r%d.s%d, ", i, j)
			}
			text.WriteString("]}\n")
		}
		return text.String()
	}
	for name, c := range map[string]struct {
		inputs, subjects int
		says             string
	}{
		"as many inputs as are allowed":   {mostInputs, 1, ""},
		"one input more":                  {mostInputs + 1, 1, fmt.Sprintf("there are %d inputs: %d are allowed", mostInputs+1, mostInputs)},
		"as many subjects as are allowed": {2, mostSubjects, ""},
		"one subject more":                {2, mostSubjects + 1, fmt.Sprintf("there are %d subjects: %d are allowed", mostSubjects+1, mostSubjects)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode("", []byte(inputs(c.inputs, c.subjects)))
			if c.says == "" && err != nil || c.says != "" && (err == nil || strings.Count(err.Error(), c.says) != 1) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
