// Package logfile reads input logs from files of JSON lines, and of what
// events/formats reads, compressed or not, whatever their names say. A record is a
// message; the number of its line, or of the record, is the sequence.
package logfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// MaxLine is the longest line, in bytes, that is read whole. Of a longer one
// the message holds MaxLine+1 bytes, so that decoding rejects it as too large
// and no line can exhaust the memory.
const MaxLine = 16 << 20

// A batch ends with the message that reaches either. What decoding makes of a batch is
// several times as large, and should stay in the processor's cache: with 64 KiB a replay takes
// a twentieth more CPU.
const (
	batchMessages = 1000
	batchBytes    = 32 << 10
)

// readAhead is the memory through which a process that reads a file is read: its heads. What follows is read in
// blocks, which are larger and pass it by.
const readAhead = 4 << 10

// Source is a file that is read once, from a line on. It implements the
// engine's Source; one goroutine uses it.
type Source struct {
	name    string
	file    counted
	size    int64 // of the file, 0 if it has none
	kind    events.Kind
	input   uint8
	from    uint64 // first line wanted
	longest int    // MaxLine; tests make do with less
	line    uint64 // lines read
	lines   *bufio.Reader
	blocks  *blocks        // not nil: lines are read in blocks
	packed  *packed.Reader // not nil: rows come packed
	memory  *Memory
	format  formats.Format
	records func() (seq uint64, data []byte, err error) // nil: a line is a message
	piped   bool                                        // input may take its time, so what is there is handed over
	closers []func() error
	room    []byte // what is free of the memory of the batch's data
	several int    // the most messages that a batch had
	err     error  // why nothing follows, once that is so
}

// Options say what to open.
type Options struct {
	// Path names the file; "-" is standard input, which is not closed by Close.
	Path  string
	Kind  events.Kind
	Input uint8 // the number that the messages carry
	// From is the first message wanted; those before it are skipped. 0 is taken for 1.
	From uint64
	// Columns reads a Parquet or Avro file and gives a line of JSON for each record, or rows
	// as package packed has them; nil: such files are refused.
	Columns func(ctx context.Context, path string) (io.ReadCloser, error)
	// Texts leaves the cells of a table texts, under the names that the header has.
	Texts bool
	// Section is what is read of the file; its zero value is all of it.
	Section Section
	// Memory is used for batches, whose reader gives it back; nil: each has memory of its own.
	Memory *Memory
	// Content, if not nil, gives the content of what Path names, and its size in bytes; nil:
	// Path is a file of this machine. Errors are told with the path.
	Content func() (io.ReadCloser, int64, error)
}

// counted counts the bytes that are read.
type counted struct {
	from io.Reader
	read atomic.Int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Open opens the log of one kind of events.
func Open(o Options) (*Source, error) {
	s := &Source{name: o.Path, kind: o.Kind, input: o.Input, from: max(o.From, 1), longest: MaxLine,
		memory: o.Memory}
	if err := s.openContent(&o); err != nil {
		return nil, err
	}
	if err := s.begin(&s.file, &o); err != nil {
		return nil, errors.Join(fmt.Errorf("%s log %s: %w", o.Kind, s.name, err), s.Close())
	}
	return s, nil
}

// openContent opens what a path names.
func (s *Source) openContent(o *Options) error {
	if o.Content != nil {
		content, size, err := o.Content()
		if err != nil {
			return fmt.Errorf("%s log %s: %w", o.Kind, o.Path, err)
		}
		s.file.from, s.size = content, size
		s.closers = append(s.closers, content.Close)
		return nil
	}
	file := os.Stdin
	if o.Path == "-" {
		s.name = "standard input"
	} else {
		var err error
		if file, err = os.Open(o.Path); err != nil {
			return fmt.Errorf("%s log: %w", o.Kind, err)
		}
		s.closers = append(s.closers, file.Close)
	}
	s.file.from = file
	if info, err := file.Stat(); err == nil {
		if s.piped = !info.Mode().IsRegular(); !s.piped {
			s.size = info.Size()
		}
	}
	return nil
}

// Progress is how many bytes of the file have been read, as they are stored,
// and how many there are; 0 of 0 where the end is not known. It may be called
// from any goroutine until Close.
func (s *Source) Progress() (read, size int64) {
	if s.size == 0 {
		return 0, 0
	}
	return s.file.read.Load(), s.size
}

// Packed reports whether rows come packed, see package packed: then they are requests.
func (s *Source) Packed() bool { return s.packed != nil }

// Format is what the file holds.
func (s *Source) Format() formats.Format { return s.format }

// begin looks at the first bytes to see what the file is.
func (s *Source) begin(file io.Reader, o *Options) error {
	text, err := formats.Unpack(file)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { text.Close(); return nil })
	s.lines = text.Reader
	look := formats.Looked
	if s.piped {
		_, _ = s.lines.Peek(1) // what else a pipe brings may take its time
		look = min(look, s.lines.Buffered())
	}
	first, _ := s.lines.Peek(look) // an error comes again when it is read
	s.format = formats.Detect(first)
	if o.Section.Number > 0 && !isDivisible(s.format, text.Codec) {
		s.err = io.EOF
		return nil
	}
	switch s.format {
	case formats.FormatArray:
		s.records = formats.NewArray(s.lines, s.longest).Next
	case formats.FormatCSV:
		table := formats.NewTable(s.tableLine())
		table.Texts = o.Texts
		s.records = table.Next
	case formats.FormatParquet, formats.FormatAvro:
		return s.columns(text.Codec, o)
	case formats.FormatLines:
		switch {
		case s.piped:
		case text.Codec != "":
			s.readBlocks(s.lines)
		case o.Section.Of > 0:
			return s.readSection(o.Section)
		default:
			s.readBlocks(file)
		}
	}
	return nil
}

// columns has a Parquet or Avro file read by another reader, which gives lines.
func (s *Source) columns(codec string, o *Options) error {
	switch {
	case codec != "":
		return fmt.Errorf("it is %s inside %s: decompress it first", s.format, codec)
	case o.Path == "-":
		return fmt.Errorf("%s is read from its end, so it cannot come through a pipe: name the file", s.format)
	case o.Columns == nil:
		return fmt.Errorf("it is %s, which is not read here", s.format)
	}
	lines, err := o.Columns(context.Background(), o.Path)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, lines.Close)
	s.lines, s.size = bufio.NewReaderSize(lines, readAhead), 0
	if s.packed, err = packed.NewReader(s.lines, s.memory.Room()); err != nil {
		return err
	}
	if s.packed != nil && s.from > 1 {
		return errors.New("rows that are packed are read from the first on")
	}
	if s.packed == nil {
		s.readBlocks(s.lines)
	}
	return nil
}

// tableLine gives the lines of a table, which count themselves.
func (s *Source) tableLine() func() ([]byte, error) {
	from := s.from
	s.from = 1 // every line is wanted: a record may go on over several
	return func() ([]byte, error) {
		line, err := s.readLine()
		if errors.Is(err, io.EOF) {
			s.from = from
			return nil, s.atEnd()
		}
		return line, err
	}
}

// Next returns the next messages, each with data of its own. Blank lines are
// counted and left out. After the last line it returns io.EOF; a file that
// cannot be read on is an error that names the line, after the messages before
// it have been returned. A read that blocks, on a pipe, does not notice that
// ctx ends.
func (s *Source) Next(ctx context.Context) (events.Batch, error) {
	batch := events.Batch{ReadThrough: events.MinTime}
	if err := ctx.Err(); err != nil {
		return batch, err
	}
	if s.packed != nil {
		return s.nextPacked()
	}
	if s.blocks != nil {
		return s.nextBlock(ctx)
	}
	batch.Messages = make([]events.Message, 0, s.several)
	defer func() { s.several = max(len(batch.Messages), s.several) }()
	for size := 0; s.err == nil && len(batch.Messages) < batchMessages && size < batchBytes; {
		if len(batch.Messages) > 0 && s.piped && s.lines.Buffered() == 0 {
			break
		}
		if s.line%batchMessages == 0 && ctx.Err() != nil {
			break // skipping can take long
		}
		seq, data, err := s.next()
		if err != nil {
			s.err = err
		} else if seq >= s.from && !isBlank(data) {
			size += len(data)
			batch.Messages = append(batch.Messages, events.Message{
				Kind: s.kind, Input: s.input, Seq: seq, Stored: events.MinTime, Data: data,
			})
		}
	}
	switch {
	case len(batch.Messages) > 0:
		return batch, nil
	case s.err != nil:
		return batch, s.err
	}
	return batch, ctx.Err()
}

// next is the next message, in memory of its own, and its number.
func (s *Source) next() (seq uint64, data []byte, err error) {
	if s.records == nil {
		data, err = s.readLine()
		return s.line, data, err
	}
	seq, data, err = s.records()
	switch {
	case err == nil && s.format == formats.FormatArray:
		s.line, data = seq, bytes.Clone(data)
	case errors.Is(err, io.EOF) && s.format == formats.FormatArray:
		err = s.atEnd()
	case err != nil && s.format == formats.FormatArray:
		err = fmt.Errorf("%s log %s, %w", s.kind, s.name, err)
	}
	return seq, data, err
}

// readLine reads one line, without its end, into memory that is not used again. Lines
// that are not wanted are counted only.
func (s *Source) readLine() ([]byte, error) {
	part, err := s.lines.ReadSlice('\n')
	if err == nil && len(part) <= s.longest {
		s.line++
		if s.line < s.from {
			return nil, nil
		}
		return s.keep(s.withoutEnd(part)), nil
	}
	var line []byte
	for started := false; ; started = true {
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return nil, fmt.Errorf("%s log %s, line %d: %w", s.kind, s.name, s.line+1, s.explain(err))
		}
		if err == io.EOF && len(part) == 0 && !started {
			return nil, s.atEnd()
		}
		if room := s.longest + len("\r\n") + 1 - len(line); s.line+1 >= s.from && room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if err != bufio.ErrBufferFull {
			s.line++
			return s.withoutEnd(line), nil
		}
		part, err = s.lines.ReadSlice('\n')
	}
}

// roomBytes is how much is allocated at once.
const roomBytes = 256 << 10

// keep copies a line to where it stays. Lines share what is allocated.
func (s *Source) keep(line []byte) []byte {
	if len(s.room) < len(line) {
		s.room = make([]byte, max(roomBytes, len(line)))
	}
	kept := s.room[:len(line):len(line)]
	s.room = s.room[copy(kept, line):]
	return kept
}

// atEnd is what the end of the file means: a log that ends before the line
// where reading should go on is not the log that was read before.
func (s *Source) atEnd() error {
	if s.line+1 < s.from {
		return fmt.Errorf("%s log %s ends after line %d, but has been read up to line %d before: use the file that was read then",
			s.kind, s.name, s.line, s.from-1)
	}
	return io.EOF
}

// withoutEnd removes a line's end, and of a line that is too long what shows
// no more than that.
func (s *Source) withoutEnd(line []byte) []byte {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
	return line[:min(len(line), s.longest+1)]
}

// explain says what to do about a file that cannot be read on.
func (s *Source) explain(err error) error {
	if s.format == formats.FormatParquet || s.format == formats.FormatAvro {
		return err // their reader has said it
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the compressed data ends too early, so the file is not complete: %w", err)
	}
	return fmt.Errorf("it cannot be read on: %w", err)
}

// Close lets go of the file.
func (s *Source) Close() error {
	var all error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, s.closers[i]())
	}
	s.closers = nil
	if s.err == nil {
		s.err = fmt.Errorf("%s log %s is closed", s.kind, s.name)
	}
	return all
}
