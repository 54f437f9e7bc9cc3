package shards

import (
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// ListedDay is a day of the output or of the exports.
type ListedDay struct {
	Day   string
	Start events.Time
	Rows  int64 // in the output, in all revisions
	Files int
	Readiness
	// Version is the newest version; Number is 0 if the day was not exported.
	Version  Version
	Manifest *Manifest // of that version
}

// List lists the days of which there are rows, oldest first, with their newest versions.
func List(table *export.Table, o Options) ([]ListedDay, error) {
	byDay := map[string]*ListedDay{}
	for i := range table.Files {
		f := &table.Files[i]
		day := DayName(f.MinRequestTS)
		d := byDay[day]
		if d == nil {
			start, err := ParseDay(day)
			if err != nil {
				return nil, err
			}
			d = &ListedDay{Day: day, Start: start, Readiness: ReadinessOf(&table.Last, o.Rules, start, o.Settled)}
			byDay[day] = d
		}
		d.Rows += f.Rows
		d.Files++
	}
	if err := addVersions(byDay, o); err != nil {
		return nil, err
	}
	found := make([]ListedDay, 0, len(byDay))
	for _, d := range byDay {
		found = append(found, *d)
	}
	slices.SortFunc(found, func(x, y ListedDay) int { return int(min(max(x.Start-y.Start, -1), 1)) })
	return found, nil
}

// addVersions finds the newest versions of the days.
func addVersions(byDay map[string]*ListedDay, o Options) error {
	root := o.FS.PathJoin(o.Out, o.Name)
	if !isThere(o.FS, root) {
		return nil // listing makes no directory
	}
	b := bucket.NewDir(o.FS, root)
	for day, d := range byDay {
		found, err := versions(b, day)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			continue
		}
		d.Version = found[len(found)-1]
		if d.Manifest, _, err = readManifest(b, day, d.Version); err != nil {
			return err
		}
	}
	return nil
}

func isThere(fs vfs.FS, path string) bool {
	_, err := fs.Stat(path)
	return err == nil
}
