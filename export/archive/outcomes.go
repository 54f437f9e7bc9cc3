package archive

import (
	"errors"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
)

// row is an outcome, or a heartbeat, which has a time only.
type row struct {
	RequestID *string              `parquet:"request_id,optional"`
	OutcomeID *string              `parquet:"outcome_id,optional"`
	Type      *string              `parquet:"type,optional,dict"`
	TS        int64                `parquet:"ts_ns"`
	ItemID    *string              `parquet:"item_id,optional"`
	Value     *float64             `parquet:"value,optional"`
	Attrs     map[string]attribute `parquet:"attrs"`
	Hash      []byte               `parquet:"hash,optional"` // SHA-256 of the event's bytes
}

// attribute is a value in attrs. Engines read numbers in JSON differently, so it is not
// left to them.
type attribute struct {
	Kind   string   `parquet:"kind,dict"` // number, text, bool, null, object or list
	Number *float64 `parquet:"number,optional"`
	Text   *string  `parquet:"text,optional"`
	Truth  *bool    `parquet:"truth,optional"`
}

func outcomeRow(o *events.Outcome) row {
	r := row{
		RequestID: given(o.RequestID), OutcomeID: given(o.ID), Type: &o.Type, TS: int64(o.TS), ItemID: given(o.ItemID),
		Hash: o.Hash[:],
	}
	if o.HasValue {
		r.Value = &o.Value
	}
	if len(o.Attrs) > 0 {
		r.Attrs = make(map[string]attribute, len(o.Attrs))
		addAttributes(r.Attrs, "", o.Attrs)
	}
	return r
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// addAttributes adds what stands in an object, by its JSON Pointer (RFC 6901). Elements of
// lists are left out.
func addAttributes(to map[string]attribute, at string, object map[string]any) {
	for name, value := range object {
		key := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		switch v := value.(type) {
		case float64:
			to[key] = attribute{Kind: "number", Number: &v}
		case string:
			to[key] = attribute{Kind: "text", Text: &v}
		case bool:
			to[key] = attribute{Kind: "bool", Truth: &v}
		case nil:
			to[key] = attribute{Kind: "null"}
		case map[string]any:
			to[key] = attribute{Kind: "object"}
			addAttributes(to, key, v)
		default:
			to[key] = attribute{Kind: "list"}
		}
	}
}

// How much a row group of outcomes has, and a file.
const (
	groupRows = 128 << 10
	fileRows  = 4 << 20
	batchRows = 1024
)

// outcomes writes outcomes, a batch at a time.
type outcomes struct {
	dir    string
	file   *os.File
	writer *parquet.GenericWriter[row]
	batch  []row
	rows   int // of the file
	files  int
}

func (o *outcomes) add(r row) error {
	o.batch = append(o.batch, r)
	if len(o.batch) < batchRows {
		return nil
	}
	return o.write()
}

func (o *outcomes) write() (err error) {
	if o.file == nil {
		if o.file, err = create(o.dir, o.files); err != nil {
			return err
		}
		o.files++
		o.writer = parquet.NewGenericWriter[row](o.file, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}))
	}
	if _, err = o.writer.Write(o.batch); err != nil {
		return err
	}
	o.rows += len(o.batch)
	clear(o.batch) // they keep events alive
	o.batch = o.batch[:0]
	switch {
	case o.rows >= fileRows:
		return o.endFile()
	case o.rows%groupRows == 0:
		return o.writer.Flush()
	}
	return nil
}

// finish writes the last file. There is one even if there are no outcomes.
func (o *outcomes) finish() error {
	if len(o.batch) > 0 || o.files == 0 {
		if err := o.write(); err != nil {
			return err
		}
	}
	if o.file == nil {
		return nil
	}
	return o.endFile()
}

func (o *outcomes) endFile() error {
	err := errors.Join(o.writer.Close(), o.file.Sync(), o.file.Close())
	o.file, o.writer, o.rows = nil, nil, 0
	return err
}

// abandon closes a file that will not be completed.
func (o *outcomes) abandon() {
	if o.file != nil {
		_ = o.file.Close() // it is removed
		o.file = nil
	}
}
