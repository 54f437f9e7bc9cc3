package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// badPages are the pages of a column whose first one is damaged. What follows it can be read.
type badPages struct {
	err   error // of the first page; nil: the library panics
	asked int
}

func (p *badPages) ReadPage() (parquet.Page, error) {
	p.asked++
	switch {
	case p.asked > 1:
		return nil, io.EOF
	case p.err == nil:
		panic("index out of range")
	}
	return nil, p.err
}

func (p *badPages) SeekToRow(int64) error { return nil }
func (p *badPages) Close() error          { return nil }

// TestFirstPagesDamaged: if the first page of any column is damaged, the reason is said before a row is read. Read on,
// the column would lack the rows of that page, and those behind it would stand beside others.
func TestFirstPagesDamaged(t *testing.T) {
	const columns = 5
	crc := errors.New("crc32 checksum mismatch")
	for _, c := range []struct {
		name string
		err  error // of the damaged page
		says string
	}{
		{"a checksum", crc, "crc32"}, {"a panic", nil, "damaged: index out of range"}, {"nothing", io.EOF, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for damaged := range columns {
				p := &packer{leaves: make([]packLeaf, columns)}
				for i := range p.leaves {
					p.leaves[i].pages = &libraryPages{pages: &badPages{err: io.EOF}}
				}
				p.leaves[damaged].pages = &libraryPages{pages: &badPages{err: c.err}}
				err := p.firstPages()
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("column %d: %v, want %q", damaged, err, c.says)
				}
			}
		})
	}
}

// TestPlainOfAStream has values of a page that comes a window at a time. Those of the window before stay what they were,
// however the values are asked for.
func TestPlainOfAStream(t *testing.T) {
	const values, window = 100, 4 // so many values
	var page []byte
	var want []uint64
	for i := range values {
		want = append(want, uint64(i)<<32|1)
		page = binary.LittleEndian.AppendUint64(page, want[i])
	}
	for _, atOnce := range []int{1, window, window + 1, values} {
		t.Run(fmt.Sprintf("%d at once", atOnce), func(t *testing.T) {
			b := &pageBytes{from: bytes.NewReader(page), memory: make([]byte, 0, window*wordSize)}
			var column packed.Column
			for left := values; left > 0; left -= atOnce {
				if err := appendPlain(&column, parquet.Int64, b, min(left, atOnce)); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(column.Words, want) {
				t.Errorf("the values are\n%x\nwant\n%x", column.Words, want)
			}
		})
	}
}
