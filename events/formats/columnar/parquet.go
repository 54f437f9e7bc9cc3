package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/labeljoin/labeljoin/events/formats"
)

// The least that a Parquet file has beside its data: the magic twice and the length of
// the footer. https://parquet.apache.org/docs/file-format/
const leastParquet = 12

// parquet writes the rows of a file.
func (w *writer) parquet(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return eachRow(w.ctx, file, info.Size(), w.only, &lineRows{writer: w})
}

// lineRows makes each row a line.
type lineRows struct {
	*writer
	tree *tree
}

func (r *lineRows) begin(t *tree) {
	r.tree = t
	for _, f := range t.fields {
		if f.name != nameItems {
			f.keepNaN(false)
			continue
		}
		for _, member := range f.below() { // of an item, which has features of its own
			member.keepNaN(false)
		}
	}
}

func (r *lineRows) assemble(c *cursor) {
	r.line = append(r.tree.appendGroup(r.line[:0], c), '\n')
}

func (r *lineRows) take() error {
	r.n++
	_, err := r.to.Write(r.line)
	return err
}

// IsParquet reports whether a file begins as Parquet does. The error, if any, is of the file system.
func IsParquet(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	begin := make([]byte, len(formats.ParquetMagic))
	if _, err = io.ReadFull(f, begin); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // it is shorter
	}
	return formats.Detect(begin) == formats.FormatParquet, errors.Join(err, f.Close())
}

// checkFooter looks whether the file has room for the footer that it says it has.
func checkFooter(file io.ReaderAt, size int64) error {
	if size < leastParquet {
		return errors.New("it begins like Parquet and is too short")
	}
	var end [8]byte
	if _, err := file.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if string(end[4:]) != formats.ParquetMagic {
		return fmt.Errorf("it begins like Parquet and has no footer, so it is not complete: %w", io.ErrUnexpectedEOF)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:4])); n == 0 || n > size-leastParquet {
		return fmt.Errorf("its footer is said to have %d bytes, and the file has %d", n, size)
	}
	return nil
}
