package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
)

// object is a log in an object store.
type object struct {
	s3.Object
	from *s3.Bucket
	// scratch is the directory for what can only be read as a file.
	scratch func() (string, error)
}

// patternChars are those that make a name a pattern.
const patternChars = "*?[{"

// findObjects are the addresses of the objects that an address names: one object, all those
// below a prefix that ends with a slash or could, or those that a pattern matches.
func (r *Replay) findObjects(ctx context.Context, address string) ([]string, error) {
	name, key, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	if name == "" || strings.ContainsAny(name, patternChars) {
		return nil, &terminal.UsageError{Err: errors.New("write it s3://BUCKET/NAME, with the bucket's whole name")}
	}
	b, err := place.Reading(ctx, r.Config, name)
	if err != nil {
		return nil, err
	}
	wanted, literal := matcherOf(key)
	if !doublestar.ValidatePattern(key) {
		return nil, &terminal.UsageError{Err: errors.New("as a pattern it is malformed")}
	}
	all, err := b.Objects(literal)
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range all {
		if strings.HasSuffix(all[i].Name, "/") || !wanted(all[i].Name) {
			continue
		}
		path := "s3://" + name + "/" + all[i].Name
		found = append(found, path)
		if r.objects == nil {
			r.objects = map[string]*object{}
		}
		r.objects[path] = &object{Object: all[i], from: b, scratch: r.makeScratch}
	}
	if slices.Sort(found); len(found) == 0 {
		return nil, &terminal.UsageError{Err: fmt.Errorf("there is no object of this name in %s, and none below it", b)}
	}
	return found, nil
}

// matcherOf is what an object's name has to be, and what all these names begin with.
func matcherOf(key string) (wanted func(name string) bool, begin string) {
	if at := strings.IndexAny(key, patternChars); at >= 0 {
		return func(name string) bool { return doublestar.MatchUnvalidated(key, name) }, key[:at]
	}
	return func(name string) bool {
		below, ok := strings.CutPrefix(name, key)
		if !ok || below == "" {
			return ok
		}
		if key != "" && !strings.HasSuffix(key, "/") {
			if below, ok = strings.CutPrefix(below, "/"); !ok {
				return false
			}
		}
		// As in a directory: tools leave these to mark that they are done.
		return !slices.ContainsFunc(strings.Split(below, "/"), func(part string) bool {
			return strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")
		})
	}, key
}

// isUsage reports whether an error is about the command line.
func isUsage(err error) bool {
	_, ok := errors.AsType[*terminal.UsageError](err)
	return ok
}

// content is logfile.Options.Content.
func (o *object) content() (io.ReadCloser, int64, error) { return o.from.Stream(o.Object), o.Size, nil }

// columns reads a file with columns from a copy, which is there as long as it is read.
func (o *object) columns(read columnReader) columnReader {
	return func(ctx context.Context, _ string) (_ io.ReadCloser, err error) {
		dir, err := o.scratch()
		if err != nil {
			return nil, err
		}
		file, err := os.CreateTemp(dir, "object-*")
		if err != nil {
			return nil, err
		}
		copied := &copied{path: file.Name()}
		from := o.from.Stream(o.Object)
		_, err = io.Copy(file, &stoppable{ctx: ctx, from: from})
		if err = errors.Join(err, from.Close(), file.Close()); err == nil {
			copied.ReadCloser, err = read(ctx, copied.path)
		}
		if err != nil {
			return nil, errors.Join(err, os.Remove(copied.path))
		}
		return copied, nil
	}
}

// columnReader is logfile.Options.Columns.
type columnReader = func(ctx context.Context, path string) (io.ReadCloser, error)

// copied is what is read from a copy, which is removed after that.
type copied struct {
	io.ReadCloser
	path string
}

// Close implements io.Closer.
func (c *copied) Close() error { return errors.Join(c.ReadCloser.Close(), os.Remove(c.path)) }

// makeScratch is the directory of what is there as long as the replay takes.
func (r *Replay) makeScratch() (string, error) {
	dir := r.scratch()
	return dir, os.MkdirAll(dir, 0o700)
}
