package replay

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Own are logs in labeljoin's own format, whatever the configuration says of inputs: of a dump.
type Own struct {
	Files [events.Kinds][]string
	Gaps  []events.Gap // of which outcomes are missing in them
}

// addOwn takes in logs of a dump.
func (r *Replay) addOwn(flag string, own *Own) {
	for k := range own.Files {
		for _, path := range own.Files[k] {
			r.files[k] = append(r.files[k], File{Path: path, Flag: flag, feed: uint16(len(r.codecs))})
		}
	}
}

// fetch copies what streams hold into files, which are there as long as the replay takes.
func (r *Replay) fetch(ctx context.Context) ([]events.Gap, error) {
	if r.Streams == nil {
		return nil, nil
	}
	own, err := r.Streams(ctx, filepath.Join(r.scratch(), "stream"))
	if err != nil {
		return nil, err
	}
	r.addOwn("--from-stream", own)
	return own.Gaps, nil
}

// withGaps adds gaps that were not declared to those that were, and numbers them after these.
func withGaps(declared, more []events.Gap) []events.Gap {
	all, last := slices.Clone(declared), uint64(0)
	for i := range all {
		last = max(last, all[i].ID)
	}
	for _, g := range more {
		last++
		g.ID = last
		all = append(all, g)
	}
	return all
}
