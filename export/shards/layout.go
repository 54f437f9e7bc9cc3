package shards

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// The names below an export's directory.
const (
	metaDir       = "meta"
	stagingDir    = bucket.StagingDir
	lockName      = "LOCK"
	cardName      = "README.md"
	manifestName  = "manifest.json"
	schemaName    = "schema.json"
	successName   = "_SUCCESS"
	dayPrefix     = "dt="
	versionPrefix = "v="
	partialSuffix = "-partial"
)

// DayName is the UTC day that begins at start, like 2026-11-22.
func DayName(start events.Time) string { return start.Std().Format("2006-01-02") }

// Version names a version of a day.
type Version struct {
	Number  int // from 1
	Partial bool
}

// String is the version as it stands in paths.
func (v Version) String() string {
	s := fmt.Sprintf("%s%04d", versionPrefix, v.Number)
	if v.Partial {
		s += partialSuffix
	}
	return s
}

func parseVersion(name string) (v Version, ok bool) {
	digits, ok := strings.CutPrefix(name, versionPrefix)
	if !ok {
		return v, false
	}
	digits, v.Partial = strings.CutSuffix(digits, partialSuffix)
	n, err := strconv.Atoi(digits)
	v.Number = n
	return v, err == nil && n > 0 && v.String() == name
}

// dataPath is the folder of a version's files, and metaPath that of what is said of it.
func dataPath(day string, v Version) string { return path.Join(dayPrefix+day, v.String()) }
func metaPath(day string, v Version) string {
	return path.Join(metaDir, dayPrefix+day, v.String())
}

// fileName is the name of a split's file, below the version's folder. The names of
// TFRecord are those that TFX gives and expects.
func fileName(format Format, split, shard, shards int) string {
	if format == FormatTFRecord {
		return fmt.Sprintf("Split-%s/data_tfrecord-%05d-of-%05d.gz", splitNames[split], shard, shards)
	}
	return fmt.Sprintf("%s-%05d-of-%05d.parquet", splitNames[split], shard, shards)
}

// dataDirs are the folders that a version's files may be in.
func dataDirs(day string, v Version) []string {
	base := dataPath(day, v)
	dirs := []string{base}
	for _, split := range splitNames {
		dirs = append(dirs, path.Join(base, "Split-"+split))
	}
	return dirs
}

// versions lists the whole versions of a day, oldest first.
func versions(b bucket.Bucket, day string) ([]Version, error) {
	names, err := b.List(path.Join(metaDir, dayPrefix+day))
	if err != nil {
		return nil, fmt.Errorf("list the versions of %s: %w", day, err)
	}
	var found []Version
	for _, name := range names {
		v, ok := parseVersion(name)
		if !ok {
			continue
		}
		switch whole, err := exists(b, path.Join(metaPath(day, v), successName)); {
		case err != nil:
			return nil, err
		case whole:
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(x, y Version) int { return x.Number - y.Number })
	return found, nil
}

func exists(b bucket.Bucket, name string) (bool, error) {
	r, err := b.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// days lists the days of which there may be versions, oldest first.
func days(b bucket.Bucket) ([]string, error) {
	names, err := b.List(metaDir)
	if err != nil {
		return nil, fmt.Errorf("list the exported days: %w", err)
	}
	var found []string
	for _, name := range names {
		if day, ok := strings.CutPrefix(name, dayPrefix); ok {
			found = append(found, day)
		}
	}
	slices.Sort(found)
	return found, nil
}

// sweep removes what processes that died have staged. The export's lock is held.
func (e *Exporter) sweep() error {
	names, err := e.bucket.List(stagingDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.bucket.Remove(path.Join(stagingDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// claimName is the object by which an exporter has the number of a version to itself, where
// no lock keeps others out.
const claimName = "_claim"

// begin makes the version's folders fit to be written to. Where the place is direct, another
// machine may be at the same day, or may have died at it: the version takes the first number
// that no other has claimed. Versions without _SUCCESS are no versions.
func (d *dayExport) begin() error {
	if !d.bucket.Direct() {
		return d.clean()
	}
	for {
		err := d.bucket.CreateIfAbsent(path.Join(metaPath(d.day, d.version), claimName), []byte(d.token))
		if !errors.Is(err, bucket.ErrExist) {
			return err
		}
		d.version.Number++
	}
}

// scratchPath is where the rows of the day are sorted.
func (d *dayExport) scratchPath() string {
	o := &d.Exporter.opts
	dir := o.Scratch
	if dir == "" {
		dir = o.FS.PathJoin(d.root, stagingDir)
	}
	return o.FS.PathJoin(dir, d.day+"-"+d.token+".scratch")
}

// clean removes the files of a version that a process began to publish and did not end.
func (d *dayExport) clean() error {
	for _, partial := range []bool{false, true} {
		v := Version{Number: d.version.Number, Partial: partial}
		for _, dir := range append(dataDirs(d.day, v), metaPath(d.day, v)) {
			names, err := d.bucket.List(dir)
			if err != nil {
				return err
			}
			for _, name := range names {
				if strings.HasPrefix(name, "Split-") {
					continue // a folder, which is in the list as well
				}
				if err := d.bucket.Remove(path.Join(dir, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *dayExport) filePath(split, shard, shards int) string {
	return path.Join(dataPath(d.day, d.version), fileName(d.opts.Format, split, shard, shards))
}

func (d *dayExport) stagingPath(split, shard int) string {
	return path.Join(stagingDir, fmt.Sprintf("%s-%s-%s-%05d", d.day, d.token, splitNames[split], shard))
}
