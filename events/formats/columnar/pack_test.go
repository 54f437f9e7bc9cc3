package columnar

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
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
