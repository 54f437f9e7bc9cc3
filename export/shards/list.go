package shards

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

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
	// Foreign says that the version was made of another output's rows.
	Foreign bool
	// Exported says that some version has the whole day as this output has it, or had it.
	Exported bool
}

// List lists the days of which there are rows, oldest first, with their newest versions.
func List(table *export.Table, o Options) ([]ListedDay, error) {
	untaken, err := table.Untaken()
	if err != nil {
		return nil, err
	}
	byDay := map[string]*ListedDay{}
	for i := range table.Files {
		f := &table.Files[i]
		day := DayName(f.MinRequestTS)
		d := byDay[day]
		if d == nil {
			start, err := events.ParseDay(day)
			if err != nil {
				return nil, err
			}
			d = &ListedDay{Day: day, Start: start, Readiness: ReadinessOf(&table.Last, untaken, o.Rules, start, o.Settled)}
			byDay[day] = d
		}
		d.Rows += f.Rows
		d.Files++
	}
	if err := addVersions(byDay, table, o); err != nil {
		return nil, err
	}
	found := make([]ListedDay, 0, len(byDay))
	for _, d := range byDay {
		found = append(found, *d)
	}
	slices.SortFunc(found, func(x, y ListedDay) int { return cmp.Compare(x.Start, y.Start) })
	return found, nil
}

// addVersions finds the newest versions of the days.
func addVersions(byDay map[string]*ListedDay, table *export.Table, o Options) error {
	b := o.place()
	if errors.Is(b.Present(), fs.ErrNotExist) {
		return nil
	}
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
		if d.Foreign, err = isForeign(table, d.Manifest); err != nil {
			return err
		}
		if d.Exported, err = isExported(b, table, d, found[:len(found)-1]); err != nil {
			return err
		}
	}
	return nil
}

// isExported reports whether a version is whole and this output's: the newest, or one before it. A
// person may have made the newest of another output on purpose.
func isExported(b bucket.Bucket, table *export.Table, d *ListedDay, before []Version) (bool, error) {
	if !d.Foreign {
		return !d.Version.Partial, nil
	}
	for _, v := range slices.Backward(before) {
		if v.Partial {
			continue
		}
		m, _, err := readManifest(b, d.Day, v)
		if err != nil {
			return false, err
		}
		if foreign, err := isForeign(table, m); err != nil || !foreign {
			return !foreign, err
		}
	}
	return false, nil
}

// isForeign reports whether a version was made of another output: at a commit that this one has
// not made. What was ended cannot be told, and counts as this one's.
func isForeign(table *export.Table, m *Manifest) (bool, error) {
	if m.Source.Commit > table.Last.Number {
		return true, nil
	}
	hash, err := table.State.CommitHash(m.Source.Commit)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && hash != m.Source.CommitHash, err
}
