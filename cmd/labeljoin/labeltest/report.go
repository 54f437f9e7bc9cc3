package labeltest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// TestReport is what test --json prints, and what the JUnit file is made of.
type TestReport struct {
	Cases  int        `json:"cases"`
	Failed int        `json:"failed"`
	Files  []testFile `json:"files"`
}

// testFile is what came of one test file.
type testFile struct {
	File  string     `json:"file"`
	Error string     `json:"error,omitempty"` // why it cannot be run
	Cases []testCase `json:"cases"`
}

// testCase is what came of one case.
type testCase struct {
	Name     string        `json:"name"`
	Line     int           `json:"line"`
	Pass     bool          `json:"pass"`
	Failures []testFailure `json:"failures,omitempty"`
}

type testFailure struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// JSON prints the report as one object.
func (r *TestReport) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// The elements of a JUnit file, as far as CI systems read them.
type (
	// JunitSuites is the root of a JUnit file.
	JunitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string    `xml:"name,attr"`
		Class   string    `xml:"classname,attr"`
		File    string    `xml:"file,attr"`
		Line    int       `xml:"line,attr,omitempty"`
		Failure *junitOut `xml:"failure,omitempty"`
		Error   *junitOut `xml:"error,omitempty"`
	}
	junitOut struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as a JUnit file.
func (r *TestReport) JUnit(path string) error {
	suites := JunitSuites{Tests: r.Cases, Failures: r.Failed}
	for _, f := range r.Files {
		suite := junitSuite{Name: f.File, Tests: len(f.Cases)}
		if f.Error != "" {
			suite.Errors, suite.Tests = 1, 1
			suites.Tests++
			suite.Cases = []junitCase{{Name: "the file", Class: f.File, File: f.File,
				Error: &junitOut{"it cannot be run", f.Error}}}
		}
		for _, c := range f.Cases {
			out := junitCase{Name: c.Name, Class: f.File, File: f.File, Line: c.Line}
			if !c.Pass {
				suite.Failures++
				var lines []string
				for _, failure := range c.Failures {
					lines = append(lines, fmt.Sprintf("%s:%d: %s", f.File, failure.Line, failure.Text))
				}
				out.Failure = &junitOut{fmt.Sprintf("%d expectations are not met", len(c.Failures)), strings.Join(lines, "\n")}
			}
			suite.Cases = append(suite.Cases, out)
		}
		suites.Suites = append(suites.Suites, suite)
	}
	text, err := xml.MarshalIndent(&suites, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the JUnit file: %w", err)
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644); err != nil {
		return fmt.Errorf("writing the JUnit file: %w", err)
	}
	return nil
}
