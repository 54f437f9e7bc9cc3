package export

import (
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// partsKey is the key of a rewritten file's metadata that says which rows come from which
// commit: "operation/commit/rows", in the order of the rows, with commas between.
const partsKey = "labeljoin.parts"

// source is a file of the table whose rows are written into another.
type source struct {
	bucket.Reader
	rows  *rowfile.Reader
	parts string // as partsKey has them
}

// source opens a file of the table, once its bytes are known to be those that were committed.
func (k *Keeper) source(from *tablelog.File) (s *source, err error) {
	in, err := k.log.OpenFile(from.Artifact())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			in.Close()
		}
	}()
	if err := checkReader(in, from.Bytes, from.SHA256); err != nil {
		return nil, &MissingFileError{Dir: k.dir, Path: from.Path, Number: from.LastCommit, Reason: err.Error()}
	}
	s = &source{Reader: in}
	if s.rows, err = rowfile.NewReader(in, in.Size()); err != nil {
		return nil, fmt.Errorf("read %s: %w", from.Path, err)
	}
	s.parts, err = partsOf(from, in)
	return s, err
}

// place says where a file of a day is staged, and where it goes: it is the one with that number, from
// 0, of those that the next operation adds.
func (k *Keeper) place(f *tablelog.File, day string, number int) {
	state := k.writer.State()
	name := tablelog.OperationName(state.Partition, state.Number+1)
	f.Path = tablelog.DataPath(day, name, number)
	f.Staging = path.Join(tablelog.StagingDir, fmt.Sprintf("%s-%s-%d-%03d%s", name, k.session, k.runs, number,
		tablelog.FileSuffix))
	if k.bucket.Direct() {
		f.Path = tablelog.WithToken(f.Path, fmt.Sprintf("%s.%d", k.session, k.runs))
	}
}

// write stages a file of rows that other files have, and reads it back. Rows writes them, with the
// metadata of the file.
func (k *Keeper) write(f *tablelog.File, parts string,
	rows func(w io.Writer, meta map[string]string) (rowfile.Summary, error)) error {
	raw, err := k.bucket.Stage(f.Staging)
	if err != nil {
		return err
	}
	state, w := k.writer.State(), newChecked(raw)
	sum, err := rows(w, map[string]string{
		"labeljoin.name": state.Name, "labeljoin.partition": strconv.Itoa(state.Partition),
		"labeljoin.partitions": strconv.Itoa(state.Partitions), "labeljoin.rules_hash": f.RulesHash, partsKey: parts,
	})
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		raw.Discard()
		return fmt.Errorf("write %s: %w", f.Staging, err)
	}
	f.Rows, f.Bytes, f.SHA256, f.RowsHash, f.Columns = sum.Rows, w.bytes, w.sha256(), sum.Hash, nil
	for _, c := range sum.Columns {
		f.Columns = append(f.Columns, tablelog.Column{Name: c.Name, Type: c.Type.String()})
	}
	return readBackBy(k.bucket, f, &sum)
}
