package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

// Dumped is a dump as a replay reads it.
type Dumped struct {
	Files [events.Kinds][]string
	// Gaps are the times of which outcomes are missing in it.
	Gaps []events.Gap
}

// Load finds the files of a dump. The error is about the command line if it is none, or not whole.
func Load(dir string) (*Dumped, error) {
	data, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%s has no %s: it is no dump, or one that was not completed", dir,
			ReportFile)}
	}
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil || r.Version != 1 {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%s is no report of a dump of this version: %w",
			filepath.Join(dir, ReportFile), errors.Join(err, fmt.Errorf("version %d", r.Version)))}
	}
	d := &Dumped{Gaps: r.gaps()}
	for k := range d.Files {
		entries, err := os.ReadDir(filepath.Join(dir, folder(events.Kind(k))))
		if err != nil {
			return nil, err
		}
		for _, e := range entries { // in the order in which they were written
			if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
				continue // what a file manager or a file system leaves
			}
			d.Files[k] = append(d.Files[k], filepath.Join(dir, folder(events.Kind(k)), e.Name()))
		}
	}
	return d, nil
}

// gaps are the times of which outcomes are missing.
func (r *Report) gaps() (gaps []events.Gap) {
	add := func(from, to events.Time, note string) {
		g := events.Gap{From: from, To: to, Note: note, Since: events.MinTime}
		g.Kinds[events.KindOutcome] = true
		gaps = append(gaps, g)
	}
	if r.Missing != 0 {
		add(events.MinTime, r.Missing, "the dump begins later")
	}
	for _, g := range r.Gone {
		add(g[0], g[1], "messages are gone from the middle of the stream")
	}
	return gaps
}
