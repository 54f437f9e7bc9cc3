// Package columnar reads the records of Parquet and Avro files, each as the JSON of one
// event. The libraries that decode these formats trust their input: a few bytes can ask
// for gigabytes or end the process. So files of others are read by a process of its own,
// whose memory is bounded: see Child.
package columnar

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// Write reads a file, which is Parquet or Avro by its first bytes, and writes each record
// as a line of JSON. The error names the record at which the file is damaged; the lines
// before it have been written. With only, records have no fields but those of these
// names, as far as the format can leave others out; an Avro file cannot.
func Write(ctx context.Context, path string, to io.Writer, only ...string) error {
	return write(path, to, &writer{ctx: ctx, only: only})
}

// Pack is Write, but that rows of Parquet that have the fields of requests, or of those that
// are named, are written as package packed has them: to the room, unless it is nil or full.
func Pack(ctx context.Context, path string, to io.Writer, room *packed.Room, only ...string) error {
	return write(path, to, &writer{ctx: ctx, only: only, packs: true, room: room})
}

func write(path string, to io.Writer, w *writer) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	magic := make([]byte, 4)
	if _, err := io.ReadFull(file, magic); err != nil {
		return fmt.Errorf("reading its beginning: %w", err)
	}
	out := bufio.NewWriterSize(to, 256<<10)
	w.to, w.blocks = out, to
	err = w.read(file, formats.Detect(magic))
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// nameItems is the list of an event whose objects are no values of features.
const nameItems = "items"

// writer writes records as lines.
type writer struct {
	ctx context.Context
	to  *bufio.Writer
	// blocks is what to writes to: blocks of rows are large, and need not be copied once more.
	blocks io.Writer
	only   []string
	// packs says that rows are packed if they can be.
	packs bool
	room  *packed.Room
	n     int64 // records written
	line  []byte
}

// read reads the file. The libraries panic on some damaged files.
func (w *writer) read(file *os.File, format formats.Format) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("record %d: the file is damaged: %v", w.n+1, p)
		}
	}()
	switch format {
	case formats.FormatParquet:
		if w.packs {
			if done, err := w.pack(file); done || err != nil {
				return err
			}
		}
		return w.parquet(file)
	case formats.FormatAvro:
		return w.avro(file)
	}
	return fmt.Errorf("it is neither Parquet nor Avro")
}

// record writes one object.
func (w *writer) record(o *formats.Object) error {
	if w.n%1000 == 0 && w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	w.line = append(o.Append(w.line[:0]), '\n')
	w.n++
	_, err := w.to.Write(w.line)
	return err
}
