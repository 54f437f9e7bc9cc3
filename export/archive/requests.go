package archive

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// The archive's own columns of requests.
const (
	columnTS    = Prefix + "ts"    // of the request, in nanoseconds
	columnHash  = Prefix + "hash"  // SHA-256 of the event's bytes, in hex
	columnShare = Prefix + "share" // of the id, for sample_hash: fnv1a
	columnIndex = Prefix + "index" // of the item in its request, from 0; null: a row of the whole request
	columnItems = Prefix + "items" // ids of all items; in rows of whole requests only
	// The names of the features that are kept as they are, and the values of a row in the same order, see exact.
	columnKept     = Prefix + "kept"
	columnFeatures = Prefix + "features"
	columnKinds    = Prefix + "kinds" // what is seen of undeclared features for the first time, see kinds
)

// requests writes rows as a joiner writes them, without labels: so their features are in
// the same columns. What the join needs beside is in features of the archive's own.
type requests struct {
	dir        string
	table      *rowfile.Table // one for all files, so that a column has one type
	builder    *rowfile.Builder
	files      int
	fileRows   int
	fileBytes  int
	perRequest bool
	keep       []rule.Feature
	kept       events.Value // their names
	kinds      *kinds
	fields     []events.Field // memory of the request's features
}

func newRequests(dir string, o *Options) (*requests, error) {
	r := &requests{dir: dir, fileRows: o.FileRows, fileBytes: o.FileBytes, perRequest: o.PerRequest, keep: o.Keep}
	r.kept.Kind = events.ValueList
	for _, f := range o.Keep {
		r.kept.List = append(r.kept.List, events.Value{Kind: events.ValueString, Str: f.String()})
	}
	if r.fileRows <= 0 {
		r.fileRows = 1_000_000
	}
	if r.fileBytes <= 0 {
		r.fileBytes = 128 << 20
	}
	features := append(slices.Clone(o.Features),
		rowfile.Feature{Name: columnTS, Type: "int64"}, rowfile.Feature{Name: columnHash, Type: "string"},
		rowfile.Feature{Name: columnShare, Type: "double"}, rowfile.Feature{Name: columnIndex, Type: "int64"},
		rowfile.Feature{Name: columnKept, Type: "list<string>"}, rowfile.Feature{Name: columnFeatures, Type: "list<string>"},
		rowfile.Feature{Name: columnKinds, Type: "list<string>"})
	if o.PerRequest {
		features = append(features, rowfile.Feature{Name: columnItems, Type: "list<string>"})
	}
	for _, f := range o.Features {
		if own(f.Name) {
			return nil, &FeatureError{Name: f.Name}
		}
	}
	for _, name := range o.Rename {
		if own(name) {
			return nil, &FeatureError{Name: name}
		}
	}
	layout, err := rowfile.NewLayout(rowfile.Config{Features: features, Mode: o.Mode, Rename: o.Rename, Reserve: o.Labels})
	if err != nil {
		return nil, err
	}
	r.table, r.kinds = layout.NewTable(nil), newKinds(layout)
	return r, nil
}

// FeatureError says that a feature has the name of a column of the archive's own.
type FeatureError struct{ Name string }

// Error implements error.
func (e *FeatureError) Error() string {
	return fmt.Sprintf("feature %q begins like the archive's own columns (%s): give it another column with output.rename",
		e.Name,
		Prefix)
}

// Misuse reports that the configuration has to be changed.
func (e *FeatureError) Misuse() bool { return true }

// add adds the rows of one request event.
func (r *requests) add(req *events.Request, hash [32]byte) error {
	if err := r.foreign(req); err != nil {
		return err
	}
	whole := *req
	r.fields = append(append(r.fields[:0],
		events.Field{Name: columnTS, Value: events.Value{Kind: events.ValueInt, Int: int64(req.TS)}},
		events.Field{Name: columnHash, Value: events.Value{Kind: events.ValueString, Str: hex.EncodeToString(hash[:])}},
		events.Field{Name: columnShare, Value: events.Value{Kind: events.ValueDouble,
			Float: joiner.SampleFNV1a.Share(req.ID)}},
		events.Field{Name: columnIndex}, events.Field{Name: columnKept, Value: r.kept},
		events.Field{Name: columnFeatures, Value: events.Value{Kind: events.ValueList}},
		events.Field{Name: columnKinds}), req.Features...)
	index, features, noted := &r.fields[3].Value, &r.fields[5].Value, &r.fields[6].Value
	*noted = listed(r.kinds.note(nil, req.Features, false))
	if r.perRequest {
		ids := make([]events.Value, len(req.Items))
		for i := range req.Items {
			ids[i] = events.Value{Kind: events.ValueString, Str: req.Items[i].ID}
		}
		r.fields = append(r.fields, events.Field{Name: columnItems, Value: events.Value{Kind: events.ValueList, List: ids}})
	}
	whole.Features = r.fields
	features.List = make([]events.Value, len(r.keep))
	for i, f := range r.keep {
		if !f.OfItem {
			features.List[i] = exact(f.In(req.Features))
		}
	}
	if r.perRequest || len(req.Items) == 0 {
		*index = events.Value{}
		return r.row(&whole, -1)
	}
	for i := range req.Items {
		*index = events.Value{Kind: events.ValueInt, Int: int64(i)}
		*noted = listed(r.kinds.note(noted.List, req.Items[i].Features, true))
		for k, f := range r.keep {
			if f.OfItem {
				features.List[k] = exact(f.In(req.Items[i].Features))
			}
		}
		if err := r.row(&whole, i); err != nil {
			return err
		}
		*noted = events.Value{}
	}
	return nil
}

// listed is a list, or null where it is empty.
func listed(list []events.Value) events.Value {
	if len(list) == 0 {
		return events.Value{}
	}
	return events.Value{Kind: events.ValueList, List: list}
}

// foreign refuses features that would fall on the archive's own columns.
func (r *requests) foreign(req *events.Request) error {
	for i := range req.Features {
		if own(req.Features[i].Name) {
			return &FeatureError{Name: req.Features[i].Name}
		}
	}
	return nil
}

func (r *requests) row(req *events.Request, item int) error {
	if r.builder == nil {
		r.builder = r.table.NewBuilder()
	}
	row := joiner.Row{Item: item, Weight: 1}
	if _, err := r.builder.Add(req, &row); err != nil {
		return err
	}
	if r.builder.Rows() >= r.fileRows || r.builder.Size() >= r.fileBytes {
		return r.endFile()
	}
	return nil
}

// finish writes the last file. An archive without requests has one without rows, so that
// a query finds its columns.
func (r *requests) finish() error {
	if r.builder == nil && r.files == 0 {
		r.builder = r.table.NewBuilder()
	}
	if r.builder == nil {
		return nil
	}
	return r.endFile()
}

func (r *requests) endFile() (err error) {
	b := r.builder
	r.builder = nil
	defer b.Release()
	f, err := create(r.dir, r.files)
	if err != nil {
		return err
	}
	r.files++
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = b.Encode(w, nil)
	return errors.Join(err, w.Flush(), f.Sync(), f.Close())
}
