package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// uploads is how many files are uploaded at once.
const uploads = 4

// put makes or replaces an object, with one request.
func (b *Bucket) put(name string, content io.ReadSeeker, size int64) error {
	return b.call("write "+name, size, func(ctx context.Context) error {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		// The store compares the checksum before it takes the object.
		_, err := b.Client.PutObject(ctx, b.Bucket, b.key(name), content, size, onePut())
		return err
	})
}

// Replace creates or replaces an object.
func (b *Bucket) Replace(name string, data []byte) error {
	return b.put(name, bytes.NewReader(data), int64(len(data)))
}

// onePut is a single request. The content is signed by its MD5, which every store checks.
func onePut() minio.PutObjectOptions {
	return minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true, DisableContentSha256: true}
}

// CreateIfAbsent creates an object with one conditional request. If the store's answer is
// lost, the request is made again, by this process or by a proxy on the way. That the object
// is there by then may be our own doing, which its content tells: manifests have a nonce.
func (b *Bucket) CreateIfAbsent(name string, data []byte) error {
	if err := b.Probe(); err != nil {
		return err
	}
	err := b.call("create "+name, int64(len(data)), func(ctx context.Context) error { return b.create(ctx, name, data) })
	if !isTaken(err) {
		return err
	}
	there, err := b.readAll(name)
	if err != nil {
		return err
	}
	if bytes.Equal(there, data) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, bucket.ErrExist)
}

// create makes one conditional request.
func (b *Bucket) create(ctx context.Context, name string, data []byte) error {
	opts := onePut()
	opts.SetMatchETagExcept("*")
	_, err := b.Client.PutObject(ctx, b.Bucket, b.key(name), bytes.NewReader(data), int64(len(data)), opts)
	return err
}

// isTaken reports whether a store has answered that the object is there already.
func isTaken(err error) bool {
	return err != nil && answerOf(err).StatusCode == http.StatusPreconditionFailed
}

// readAll reads a small object.
func (b *Bucket) readAll(name string) ([]byte, error) {
	r, err := b.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.Size())
	_, err = io.ReadFull(io.NewSectionReader(r, 0, r.Size()), data)
	return data, err
}

// Publish uploads staged files under their final names, each with one request. The staged
// files stay. What this process has uploaded is not uploaded again.
func (b *Bucket) Publish(moves []bucket.Move) error {
	var g errgroup.Group
	g.SetLimit(uploads)
	for _, m := range moves {
		b.mu.Lock()
		sent := b.sent[m.To]
		b.mu.Unlock()
		if !sent {
			g.Go(func() error { return b.upload(m) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range moves {
		delete(b.sent, m.To)
	}
	return nil
}

// upload uploads a staged file. If that is not there any more, the object must be.
func (b *Bucket) upload(m bucket.Move) error {
	r, err := b.Local.Open(m.From)
	if errors.Is(err, fs.ErrNotExist) {
		there, openErr := b.Open(m.To)
		if openErr != nil {
			return errors.Join(err, openErr)
		}
		return there.Close()
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if err := b.put(m.To, io.NewSectionReader(r, 0, r.Size()), r.Size()); err != nil {
		return fmt.Errorf("upload %s: %w", m.To, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent[m.To] = true
	return nil
}
