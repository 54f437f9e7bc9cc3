// Package gap declares that events are missing, takes such declarations back, and finds out what the streams have lost.
package gap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

// Declare declares a gap for the output of a configuration, and returns its number.
func Declare(ctx context.Context, cfg *config.Config, gap events.Gap) (uint64, error) {
	rows, err := place.Of(ctx, cfg, cfg.Output.Dir)
	if err != nil {
		return 0, err
	}
	if err := rows.Present(); err != nil && gap.Log == nil {
		return 0, &terminal.UsageError{Err: fmt.Errorf("there is no output at %s yet, so nothing can be missing from it: %w",
			rows, err)}
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var last export.Commit
	if archive != nil {
		if last, _, err = archive.Last(); err != nil {
			return 0, err
		}
	}
	return export.OpenGaps(rows).Declare(gap, last.Cut.Progress.Gaps)
}

// What says in words which events a gap is about.
func What(g events.Gap) string {
	names := ""
	for k, missing := range g.Kinds {
		if missing && names != "" {
			names += " and "
		}
		if missing {
			names += events.Kind(k).String() + "s"
		}
	}
	if g.Quiet {
		return "nothing missing of " + names
	}
	return names + " missing"
}

// listedGap is a gap as people look at it.
type listedGap struct {
	ID      uint64 `json:"id"`
	From    string `json:"from"`
	To      string `json:"to"`
	What    string `json:"what"`
	InForce string `json:"in_force"`
	Note    string `json:"note,omitempty"`
}

// List lists what was declared, or is in force though its declaration is gone, and since when it counts.
func List(ctx context.Context, cfg *config.Config) ([]listedGap, error) {
	rows, err := place.Of(ctx, cfg, cfg.Output.Dir)
	if err != nil {
		return nil, err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := archive.Begun(); err != nil {
		return nil, err
	}
	last, _, err := archive.Last()
	if err != nil {
		return nil, err
	}
	gaps, err := archive.Gaps()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(gaps, func(a, b events.Gap) int { return cmp.Compare(a.ID, b.ID) })
	var out []listedGap
	for _, g := range gaps {
		l := listedGap{ID: g.ID, From: g.From.String(), To: g.To.String(), What: What(g), Note: g.Note, InForce: "not yet"}
		if g.Removes != 0 {
			l.What = fmt.Sprintf("gap %d was taken back", g.Removes) // and is not in the list
		}
		taken := slices.IndexFunc(last.Cut.Progress.Gaps, func(t events.Gap) bool { return t.ID == g.ID })
		if taken >= 0 {
			l.InForce = "for requests since " + last.Cut.Progress.Gaps[taken].Since.String()
			if until := last.Cut.Progress.Gaps[taken].Until; until != 0 {
				l.InForce += ", and before " + until.String() + ": it was taken back, too late for these"
			}
		}
		out = append(out, l)
	}
	return out, nil
}
