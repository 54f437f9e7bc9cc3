package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Object is an object of a store as it was listed.
type Object struct {
	Name string // below the bucket's prefix
	Size int64
	ETag string // tells it from what takes its place later
}

// Objects lists the objects whose names begin with a text, in the store's order: that of
// their bytes.
func (b *Bucket) Objects(prefix string) (found []Object, err error) {
	at := strings.TrimPrefix(b.Prefix+"/", "/")
	err = b.call("list "+prefix, 0, func(ctx context.Context) error {
		found = found[:0]
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range b.Client.ListObjectsIter(ctx, b.Bucket,
			minio.ListObjectsOptions{Prefix: at + prefix, Recursive: true}) {
			if o.Err != nil {
				return o.Err
			}
			found = append(found, Object{Name: strings.TrimPrefix(o.Key, at), Size: o.Size, ETag: o.ETag})
		}
		return nil
	})
	return found, err
}

// streamBytes is how much of an object one request asks for.
const streamBytes = 4 << 20

// Stream reads an object once, from its beginning. Requests that break off are made again,
// as Options say. What takes the object's place after it was listed is not read: the error
// says so.
func (b *Bucket) Stream(o Object) io.ReadCloser {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{parts: make(chan part, 1), cancel: cancel}
	go s.fetch(ctx, b, o) // ended by Close, or at the end of the object
	return s
}

// part is a part of an object, or why there is none.
type part struct {
	data []byte
	err  error
}

// stream hands over the parts of an object. One is fetched while another is read.
type stream struct {
	parts  chan part
	now    []byte
	err    error
	cancel context.CancelFunc
}

// fetch asks for one part after the other.
func (s *stream) fetch(ctx context.Context, b *Bucket, o Object) {
	defer close(s.parts)
	for at := int64(0); at < o.Size; {
		var p part
		p.err = b.call("read "+o.Name, streamBytes, func(asking context.Context) (err error) {
			asking, stop := context.WithCancel(asking)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			p.data, _, _, err = b.get(asking, o.Name, at, streamBytes, o.ETag)
			if ctx.Err() != nil {
				return errClosed
			}
			return err
		})
		if p.err == nil && len(p.data) == 0 {
			p.err = fmt.Errorf("%s: read %s: %w", b, o.Name, errReplaced)
		}
		at += int64(len(p.data))
		select {
		case s.parts <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (s *stream) Read(to []byte) (int, error) {
	for len(s.now) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		p, ok := <-s.parts
		if !ok {
			p.err = io.EOF
		}
		s.now, s.err = p.data, p.err
	}
	n := copy(to, s.now)
	s.now = s.now[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.cancel()
	for range s.parts { // until nothing is asked for any more
	}
	return nil
}

// errClosed says that a stream was closed while it was asked for.
var errClosed = errors.New("reading was given up")
