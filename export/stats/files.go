package stats

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
)

// Files are opened Parquet files.
type Files struct {
	Sources []Source
	open    []io.Closer
}

// Add adds an opened file, which Close closes. The name is for errors.
func (f *Files) Add(name string, opened interface {
	io.ReaderAt
	io.Closer
}, size int64) {
	f.open = append(f.open, opened)
	f.Sources = append(f.Sources, Source{Name: name, ReaderAt: opened, Size: size})
}

// Close closes the files.
func (f *Files) Close() error {
	var err error
	for _, o := range f.open {
		err = errors.Join(err, o.Close())
	}
	return err
}

// OpenFiles opens files and, below directories, every file that ends in
// .parquet, in the order of their names. Names that begin with a dot or an
// underscore are passed over, as Spark and DuckDB do.
func OpenFiles(paths ...string) (*Files, error) {
	f := &Files{}
	for _, path := range paths {
		names, err := parquetBelow(path)
		if err == nil && len(names) == 0 {
			err = &OptionError{fmt.Sprintf("there are no Parquet files in %s", path)}
		}
		for _, name := range names {
			if err == nil {
				err = f.add(name)
			}
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

func (f *Files) add(name string) error {
	o, err := os.Open(name)
	if err != nil {
		return err
	}
	info, err := o.Stat()
	if err != nil {
		return errors.Join(err, o.Close())
	}
	f.Add(name, o, info.Size())
	return nil
}

// parquetBelow lists the files that a path stands for.
func parquetBelow(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &OptionError{fmt.Sprintf("there is nothing at %s: name a Parquet file or a folder of them", path)}
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if known, err := columnar.IsParquet(path); err != nil || !known {
			return nil, cmp.Or[error](err, &OptionError{path + " is no Parquet file: name Parquet files or a folder of them"})
		}
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case name != path && (strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".")):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case !d.IsDir() && strings.HasSuffix(base, ".parquet"):
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// HasColumn reports whether any of the files has a column of numbers or texts of
// that name.
func HasColumn(sources []Source, name string) bool {
	return slices.ContainsFunc(sources, func(s Source) bool {
		f, _, err := open(s)
		if err != nil {
			return false
		}
		_, ok := f.leaves[name]
		return ok
	})
}
