package shards

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
)

// writeCard writes the dataset card, by which Hugging Face's datasets finds the files of
// each split: those of the newest whole version of every day. It is replaced as a whole.
func (d *dayExport) writeCard() error {
	if d.opts.Format != FormatParquet {
		return nil
	}
	if d.newest == nil { // afterwards only this process makes versions, as long as it holds the lock
		found, err := d.newestVersions()
		if err != nil {
			return err
		}
		d.newest = map[string]Version{}
		for _, v := range found {
			d.newest[v.day] = v.version
		}
	}
	if !d.version.Partial {
		d.newest[d.day] = d.version
	}
	newest := make([]dayVersion, 0, len(d.newest))
	for _, day := range slices.Sorted(maps.Keys(d.newest)) {
		newest = append(newest, dayVersion{day, d.newest[day]})
	}
	if len(newest) == 0 {
		return nil
	}
	if err := d.bucket.Replace(cardName, d.card(newest)); err != nil {
		return fmt.Errorf("write the dataset card: %w", err)
	}
	return nil
}

// dayVersion is a version of a day.
type dayVersion struct {
	day     string
	version Version
}

// newestVersions are the newest versions of the days, in their order, without days of which there
// is only a part.
func (e *Exporter) newestVersions() (newest []dayVersion, err error) {
	names, err := days(e.bucket)
	if err != nil {
		return nil, err
	}
	for _, day := range names {
		found, err := versions(e.bucket, day)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(v Version) bool { return v.Partial })
		if n := len(found); n > 0 {
			newest = append(newest, dayVersion{day, found[n-1]})
		}
	}
	return newest, nil
}

// card is the dataset card: YAML for datasets, and words for people.
func (d *dayExport) card(newest []dayVersion) []byte {
	var b bytes.Buffer
	b.WriteString("---\nconfigs:\n- config_name: default\n  data_files:\n")
	for split, name := range splitNames {
		if split == splitEval && d.opts.Splits.Eval == 0 || split == splitTest && d.opts.Splits.Test == 0 {
			continue
		}
		fmt.Fprintf(&b, "  - split: %s\n    path:\n", name)
		for _, v := range newest {
			fmt.Fprintf(&b, "    - %s\n", path.Join(dataPath(v.day, v.version), name+"-*.parquet"))
		}
	}
	b.WriteString("dataset_info:\n  features:\n")
	for _, c := range d.plan.columns {
		fmt.Fprintf(&b, "  - name: %s\n", quoted(c.Name))
		if c.Type.List {
			fmt.Fprintf(&b, "    list: %s\n", hfType(c.Type.Scalar))
		} else {
			fmt.Fprintf(&b, "    dtype: %s\n", hfType(c.Type.Scalar))
		}
	}
	fmt.Fprintf(&b, "---\n\n# %s\n\nRows that labeljoin has joined: %s, from %s to %s. Each split is the newest version of every day.\n",
		d.opts.Name, events.Count(len(newest), "day"), newest[0].day, newest[len(newest)-1].day)
	var labels []string
	for _, c := range d.plan.columns {
		if c.Role == RoleLabel {
			labels = append(labels, "`"+c.Name+"`")
		}
	}
	fmt.Fprintf(&b, "\nLabels: %s. What was read, how rows were split and how many there are stands in `%s/dt=.../v=.../%s`.\n",
		strings.Join(labels, ", "), metaDir, manifestName)
	return b.Bytes()
}

// quoted is a text as YAML takes it for text, whatever it holds.
func quoted(s string) string { return fmt.Sprintf("%q", s) }

// hfType is the name that datasets has for a type.
func hfType(s rowfile.Scalar) string {
	switch s {
	case rowfile.ScalarBool:
		return "bool"
	case rowfile.ScalarInt32:
		return "int32"
	case rowfile.ScalarInt64:
		return "int64"
	case rowfile.ScalarDouble:
		return "float64"
	case rowfile.ScalarFloat32:
		return "float32"
	case rowfile.ScalarTimestamp:
		return "timestamp[us, tz=UTC]"
	}
	return "string"
}
