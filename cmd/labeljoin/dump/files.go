package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

// fileBytes is how many bytes of events a file has, before compression, before another begins.
const fileBytes = 256 << 20

// files are the files of a dump that is being written. An event stays as it was, to the byte:
// of events that differ in nothing else the bytes decide which one counts.
type files struct {
	dir      string
	kinds    [events.Kinds]file
	rejected *os.File // nil before the first
	letters  *bufio.Writer
}

// file is the file of a kind that is being written.
type file struct {
	number int // of files so far
	out    *os.File
	zip    *zstd.Encoder
	size   int64
	array  bool // it is a JSON array, because an event is not one line
	first  bool // nothing was written into the array
}

func newFiles(dir string) *files { return &files{dir: dir} }

// folder is the folder of a kind.
func folder(k events.Kind) string { return k.String() + "s" }

// add writes an event.
func (f *files) add(k events.Kind, data []byte) error {
	one := &f.kinds[k]
	lines := bytes.ContainsAny(data, "\r\n")
	if one.out != nil && (one.size >= fileBytes || lines && !one.array) {
		if err := one.close(); err != nil {
			return err
		}
	}
	if one.out == nil {
		if err := f.open(k, lines); err != nil {
			return err
		}
	}
	return one.write(data)
}

// open begins a file.
func (f *files) open(k events.Kind, array bool) (err error) {
	one := &f.kinds[k]
	one.number++
	one.array, one.first, one.size = array, true, 0
	dir := filepath.Join(f.dir, folder(k))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	suffix := "jsonl"
	if array {
		suffix = "json"
	}
	name := filepath.Join(dir, fmt.Sprintf("%06d.%s.zst", one.number, suffix))
	if one.out, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
		return err
	}
	one.zip, err = zstd.NewWriter(one.out, zstd.WithEncoderConcurrency(1))
	return err
}

// write adds an event to the file.
func (o *file) write(data []byte) error {
	begin, end := "", "\n"
	if o.array {
		begin, end = ",\n", ""
		if o.first {
			begin = "[\n"
		}
	}
	o.first = false
	o.size += int64(len(data)) + 1
	for _, part := range [][]byte{[]byte(begin), data, []byte(end)} {
		if _, err := o.zip.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// close completes the file.
func (o *file) close() (err error) {
	if o.out == nil {
		return nil
	}
	if o.array {
		_, err = o.zip.Write([]byte("\n]\n"))
	}
	err = errors.Join(err, o.zip.Close(), o.out.Sync(), o.out.Close())
	o.out = nil
	return err
}

// reject keeps what is no event, or is set aside.
func (f *files) reject(d *events.DeadLetter) (err error) {
	if f.rejected == nil {
		if f.rejected, err = os.OpenFile(filepath.Join(f.dir, RejectedFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL,
			0o600); err != nil {
			return err
		}
		f.letters = bufio.NewWriter(f.rejected)
	}
	line, err := export.EncodeDeadLetter(d)
	if err == nil {
		_, err = f.letters.Write(line)
	}
	return err
}

// close completes the files. A kind of which there is no event has an empty folder.
func (f *files) close() (err error) {
	for k := range f.kinds {
		err = errors.Join(err, f.kinds[k].close(), os.MkdirAll(filepath.Join(f.dir, folder(events.Kind(k))), 0o755))
	}
	if f.rejected != nil {
		err = errors.Join(err, f.letters.Flush(), f.rejected.Sync(), f.rejected.Close())
		f.rejected = nil
	}
	return err
}

// abort removes what was written.
func (f *files) abort() error {
	for k := range f.kinds {
		_ = f.kinds[k].close() // it is removed
	}
	if f.rejected != nil {
		_ = f.rejected.Close()
	}
	var all error
	for k := range f.kinds {
		all = errors.Join(all, os.RemoveAll(filepath.Join(f.dir, folder(events.Kind(k)))))
	}
	return errors.Join(all, os.RemoveAll(filepath.Join(f.dir, RejectedFile)))
}
