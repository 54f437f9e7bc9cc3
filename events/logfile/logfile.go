// Package logfile reads input logs from JSON Lines files: plain, gzip or zstd,
// whatever their names say. A line is a message, its number the sequence.
package logfile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
)

// MaxLine is the longest line, in bytes, that is read whole. Of a longer one
// the message holds MaxLine+1 bytes, so that decoding rejects it as too large
// and no line can exhaust the memory.
const MaxLine = 16 << 20

// A batch ends with the message that reaches either.
const (
	batchMessages = 1000
	batchBytes    = 1 << 20
)

// Source is a file that is read once, from a line on. It implements the
// engine's Source; one goroutine uses it.
type Source struct {
	name    string
	file    *os.File
	size    int64 // of the file, 0 if it has none
	kind    events.Kind
	input   uint8
	from    uint64 // first line wanted
	longest int    // MaxLine; tests make do with less
	line    uint64 // lines read
	lines   *bufio.Reader
	piped   bool // input may take its time, so what is there is handed over
	closers []func() error
	err     error // why nothing follows, once that is so
}

// Open opens the log of one kind of events at path, "-" being standard input,
// which is not closed by Close. The first from-1 lines are skipped; 0 is taken
// for 1. Input is the number that the messages carry.
func Open(path string, kind events.Kind, input uint8, from uint64) (*Source, error) {
	file, name := os.Stdin, "standard input"
	s := &Source{kind: kind, input: input, from: max(from, 1), longest: MaxLine}
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("%s log: %w", kind, err)
		}
		name = path
		s.closers = append(s.closers, file.Close)
	}
	s.name = name
	s.file = file
	if info, err := file.Stat(); err == nil {
		if s.piped = !info.Mode().IsRegular(); !s.piped {
			s.size = info.Size()
		}
	}
	if err := s.decompress(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s log %s: %w", kind, name, err), s.Close())
	}
	return s, nil
}

// Progress is how many bytes of the file have been read, as they are stored,
// and how many there are; 0 of 0 where the end is not known. It may be called
// from any goroutine until Close.
func (s *Source) Progress() (read, size int64) {
	if s.size == 0 {
		return 0, 0
	}
	read, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, 0
	}
	return read, s.size
}

// decompress looks at the first bytes to see what the file is.
func (s *Source) decompress(file io.Reader) error {
	s.lines = bufio.NewReaderSize(file, 64<<10)
	magic, err := s.lines.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(s.lines)
		if err != nil {
			return fmt.Errorf("it begins like gzip and is not: %w", err)
		}
		s.lines = bufio.NewReaderSize(unzipped, 64<<10)
	case isZstd(magic):
		// One goroutine, and the window of zstd --long=27 at most: the memory
		// that a file can ask for stays bounded.
		unzipped, err := zstd.NewReader(s.lines, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return fmt.Errorf("it begins like zstd and is not: %w", err)
		}
		s.closers = append(s.closers, func() error { unzipped.Close(); return nil })
		s.lines = bufio.NewReaderSize(unzipped, 64<<10)
	}
	return nil
}

// isZstd knows a frame of RFC 8878 and a skippable one, with which pzstd begins.
func isZstd(magic []byte) bool {
	if len(magic) < 4 {
		return false
	}
	number := binary.LittleEndian.Uint32(magic)
	return number == 0xFD2FB528 || number&^0xF == 0x184D2A50
}

// Next returns the next messages, each with data of its own. Blank lines are
// counted and left out. After the last line it returns io.EOF; a file that
// cannot be read on is an error that names the line, after the messages before
// it have been returned. A read that blocks, on a pipe, does not notice that
// ctx ends.
func (s *Source) Next(ctx context.Context) (events.Batch, error) {
	batch := events.Batch{Proven: events.MinTime}
	if err := ctx.Err(); err != nil {
		return batch, err
	}
	for size := 0; s.err == nil && len(batch.Messages) < batchMessages && size < batchBytes; {
		if len(batch.Messages) > 0 && s.piped && s.lines.Buffered() == 0 {
			break
		}
		if s.line%batchMessages == 0 && ctx.Err() != nil {
			break // skipping can take long
		}
		data, err := s.readLine()
		if err != nil {
			s.err = err
		} else if s.line >= s.from && len(bytes.TrimSpace(data)) > 0 {
			size += len(data)
			batch.Messages = append(batch.Messages, events.Message{
				Kind: s.kind, Input: s.input, Seq: s.line, Stored: events.MinTime, Data: data,
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

// readLine reads one line, without its end, into memory of its own. Lines that
// are not wanted are counted only.
func (s *Source) readLine() ([]byte, error) {
	var line []byte
	for started := false; ; started = true {
		part, err := s.lines.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return nil, fmt.Errorf("%s log %s, line %d: %w", s.kind, s.name, s.line+1, explain(err))
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
	}
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
func explain(err error) error {
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
