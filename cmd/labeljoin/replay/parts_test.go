package replay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestCopiesInParts: a request that comes twice is one, wherever its copies are: the log is read for its ids in parts.
func TestCopiesInParts(t *testing.T) {
	l := traffic(1)
	lines := strings.SplitAfter(strings.TrimSuffix(l.requests.String(), "\n"), "\n")
	text := l.requests.String() + strings.Join(lines[40:90], "") + strings.Join(lines[3:5], "")
	half := strings.Index(text, lines[150])
	for name, files := range map[string][][]byte{
		"one file":               {[]byte(text)},
		"one compressed file":    {gzipped(t, text)},
		"two files":              {[]byte(text[:half]), []byte(text[half:])},
		"files of two kinds":     {[]byte(text[:half]), gzipped(t, text[half:])},
		"a file that is damaged": {[]byte(text), gzipped(t, text)[:2000]},
		"many files":             {[]byte(lines[0]), []byte(text[:half]), []byte(text[half:]), []byte(lines[7]), []byte(lines[8])},
	} {
		for jobs := 1; jobs <= 4; jobs++ {
			t.Run(fmt.Sprint(name, " by ", jobs), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				r := l.written(t, dir, configured(t, dir, ""))
				r.Jobs, r.Complete, r.Trusted = jobs, true, true
				r.Files[events.KindRequest] = nil
				for i, file := range files {
					path := filepath.Join(dir, fmt.Sprint("requests", i))
					if err := os.WriteFile(path, file, 0o600); err != nil {
						t.Fatal(err)
					}
					r.Files[events.KindRequest] = append(r.Files[events.KindRequest], path)
				}
				got := run(t, r)
				if got.err != nil || got.report.Rows != 288 || got.report.Labels[0].Positive != 288 {
					t.Errorf("%v, %d rows, %+v; want 288 that were clicked", got.err, got.report.Rows, got.report.Labels)
				}
			})
		}
	}
}
