package columnar

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// leafValues are the values of a column in a row group, in order.
type leafValues interface {
	parquet.ValueReader
	io.Closer
}

// libraryValues are values that the library decodes.
type libraryValues struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
}

// ReadValues implements parquet.ValueReader. The values are good until all of their page were read, and it is asked for
// more.
func (l *libraryValues) ReadValues(to []parquet.Value) (int, error) {
	for {
		if l.values != nil {
			n, err := l.values.ReadValues(to)
			if n > 0 {
				return n, nil
			}
			switch {
			case err == nil:
				return 0, errors.New("reading stands still")
			case !errors.Is(err, io.EOF):
				return 0, err
			}
			l.leave()
		}
		var err error
		if l.page, err = l.pages.ReadPage(); err != nil {
			return 0, err
		}
		l.values = l.page.Values()
	}
}

func (l *libraryValues) leave() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page, l.values = nil, nil
	}
}

// Close implements leafValues.
func (l *libraryValues) Close() error {
	l.leave()
	return l.pages.Close()
}
