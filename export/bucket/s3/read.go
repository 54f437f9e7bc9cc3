package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// headBytes are read when an object is opened: that is all of most manifests. memoryBytes
// is how large an object may be that is held in memory once it is read further.
const (
	headBytes   = 128 << 10
	memoryBytes = 8 << 20
)

// errReplaced says that an object is not the one that was opened.
var errReplaced = errors.New("the object was replaced while it was read")

// missing is an error that is fs.ErrNotExist.
type missing struct{ name string }

func (e missing) Error() string { return e.name + ": there is no such object" }

func (missing) Is(target error) bool { return target == fs.ErrNotExist }

// Open reads the beginning of an object. The rest is read at once, when any of it is asked
// for: files are read whole, to compare their hash.
func (b *Bucket) Open(name string) (bucket.Reader, error) {
	if local(name) {
		return b.Local.Open(name)
	}
	o := &object{from: b, name: name}
	err := b.call("read "+name, headBytes, func(ctx context.Context) error {
		var err error
		o.head, o.size, o.etag, err = b.get(ctx, name, 0, headBytes, "")
		return err
	})
	if isMissing(err) {
		return nil, fmt.Errorf("%s: %w", b, missing{name})
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// get reads at most so many bytes of an object from an offset on, and says how large the
// object is.
func (b *Bucket) get(ctx context.Context, name string, offset, most int64, etag string) (data []byte, size int64,
	tag string, err error) {
	body, size, tag, err := b.body(ctx, name, offset, most, etag)
	if err != nil || body == nil {
		return nil, size, tag, err
	}
	defer body.Close()
	data, err = io.ReadAll(io.LimitReader(body, most))
	if err == nil && int64(len(data)) < min(most, size-offset) {
		err = io.ErrUnexpectedEOF
	}
	return data, size, tag, err
}

// body begins to read an object at an offset. It is nil for an object without content.
func (b *Bucket) body(ctx context.Context, name string, offset, most int64, etag string) (body io.ReadCloser,
	size int64,
	tag string, err error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(offset, offset+most-1); err != nil {
		return nil, 0, "", err
	}
	body, info, header, err := b.core.GetObject(ctx, b.Bucket, b.key(name), opts)
	if answerOf(err).StatusCode == http.StatusRequestedRangeNotSatisfiable && offset == 0 {
		return nil, 0, "", nil
	}
	if err != nil {
		return nil, 0, "", err
	}
	size = info.Size
	ranged := header.Get("Content-Range") // "bytes 0-99/1234"
	switch {
	case ranged == "" && offset > 0:
		err = errors.New("the store does not give parts of objects")
	case ranged != "":
		_, total, _ := strings.Cut(ranged, "/")
		size, err = strconv.ParseInt(total, 10, 64)
	}
	if err == nil && etag != "" && info.ETag != etag {
		err = errReplaced
	}
	if err != nil {
		return nil, 0, "", errors.Join(err, body.Close())
	}
	return body, size, info.ETag, nil
}

// object is an object that is read.
type object struct {
	from *Bucket
	name string
	size int64
	etag string
	head []byte

	mu   sync.Mutex
	all  io.ReaderAt // nil until more than the head was asked for
	file *os.File    // nil where all of it is in memory
}

// Size is how many bytes the object has.
func (o *object) Size() int64 { return o.size }

// ReadAt implements io.ReaderAt.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); end <= int64(len(o.head)) || int64(len(o.head)) == o.size {
		return bytes.NewReader(o.head).ReadAt(p, off)
	}
	all, err := o.whole()
	if err != nil {
		return 0, err
	}
	return all.ReadAt(p, off)
}

// whole reads the rest of the object, if that was not done.
func (o *object) whole() (io.ReaderAt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all != nil {
		return o.all, nil
	}
	if o.size <= memoryBytes {
		var all bytes.Buffer
		all.Grow(int(o.size))
		if err := o.fetch(&all); err != nil {
			return nil, err
		}
		o.all = bytes.NewReader(all.Bytes())
		return o.all, nil
	}
	file, err := os.CreateTemp(o.from.Scratch, "labeljoin-read-")
	if err != nil {
		return nil, err
	}
	o.file = file
	// Without a name it goes with the process, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	if err := o.fetch(file); err != nil {
		return nil, err
	}
	o.all = file
	return file, nil
}

// fetch writes the whole object. After an answer that broke off it goes on from there.
func (o *object) fetch(to io.Writer) error {
	done, err := to.Write(o.head)
	if err != nil {
		return err
	}
	at := int64(done)
	return o.from.call("read "+o.name, o.size, func(ctx context.Context) error {
		body, size, _, err := o.from.body(ctx, o.name, at, o.size-at, o.etag)
		if err != nil {
			return err
		}
		if body == nil || size != o.size {
			return errReplaced
		}
		defer body.Close()
		n, err := io.Copy(to, io.LimitReader(body, o.size-at))
		at += n
		if err == nil && at < o.size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// Close gives up what was read.
func (o *object) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return nil
	}
	file := o.file
	o.file, o.all = nil, nil
	return file.Close()
}
