package logfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// Memory is what batches were read into, for those that follow. Sources share it that are
// read one after the other.
type Memory struct {
	mu       sync.Mutex
	texts    [][]byte
	messages [][]events.Message
	rows     []*packed.Block
	room     *packed.Room
}

// SetRoom says where the reader of a file with columns puts rows; nil: nowhere. It is called before a file is opened.
func (m *Memory) SetRoom(room *packed.Room) { m.room = room }

// maxSpare is how many batches' memory is kept. More are not on their way at once.
const maxSpare = 16

// Recycle takes the memory of a batch back, of which nothing is used any more. It may be
// called from any goroutine.
func (m *Memory) Recycle(b *events.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Memory != nil && cap(b.Memory) <= 2*blockMost && len(m.texts) < maxSpare {
		m.texts = append(m.texts, b.Memory[:0])
	}
	if b.Messages != nil && len(m.messages) < maxSpare {
		m.messages = append(m.messages, b.Messages[:0])
	}
	if rows, ok := b.Records.(*packed.Block); ok {
		if rows.Release(); len(m.rows) < maxSpare {
			m.rows = append(m.rows, rows)
		}
	}
	*b = events.Batch{}
}

// takeRows is a block for a batch; nil if there is none.
func (m *Memory) takeRows() *packed.Block {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.rows)
	if n == 0 {
		return nil
	}
	rows := m.rows[n-1]
	m.rows = m.rows[:n-1]
	return rows
}

// Room is what SetRoom has said.
func (m *Memory) Room() *packed.Room {
	if m == nil {
		return nil
	}
	return m.room
}

// keep takes memory back that take has given, and that a batch does not use.
func (m *Memory) keep(text []byte) {
	if m == nil || text == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.texts = append(m.texts, text)
}

// take is memory for a batch; nil of what there is none of.
func (m *Memory) take() (text []byte, messages []events.Message) {
	if m == nil {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.texts); n > 0 {
		text, m.texts = m.texts[n-1], m.texts[:n-1]
	}
	if n := len(m.messages); n > 0 {
		messages, m.messages = m.messages[n-1], m.messages[:n-1]
	}
	return text, messages
}

// Bounds of a block of text that is read at once.
const (
	blockLeast = 4 << 10
	blockMost  = batchBytes
	// blockLine is how long a line may be that is read so. A longer one, and the rest of
	// its log, is read line by line.
	blockLine = 1 << 20
)

// blocks are what lines are read in that need not be handed over one by one: a line stays
// where it was read.
type blocks struct {
	from  io.Reader
	begun []byte // the beginning of the next line, or more
	size  int    // of the next block
	err   error  // what follows begun, if it is not to be read
}

// readBlocks reads lines in blocks from now on: first what the reader of lines has buffered,
// and then what below gives, which may be that reader.
func (s *Source) readBlocks(below io.Reader) {
	first, _ := s.lines.Peek(s.lines.Buffered()) // no error: that much is there
	s.blocks = &blocks{from: below, begun: bytes.Clone(first), size: blockMost}
	_, _ = s.lines.Discard(len(first))
}

// nextBlock is Next where lines are read in blocks.
func (s *Source) nextBlock(ctx context.Context) (batch events.Batch, err error) {
	batch.ReadThrough = events.MinTime
	text, messages := s.memory.take()
	for s.err == nil && len(messages) == 0 {
		if err := ctx.Err(); err != nil {
			return batch, err // skipping can take long
		}
		var whole bool
		if text, whole = s.blocks.read(text); !whole {
			s.lines = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(text), s.blocks.from), blockMost)
			s.blocks = nil
			return s.Next(ctx)
		}
		if messages = s.split(text, messages); len(text) == 0 {
			s.err = s.afterBlocks()
		}
	}
	if len(messages) == 0 {
		return batch, s.err
	}
	if batch.Messages = messages; s.memory != nil {
		batch.Memory = text
	}
	return batch, nil
}

// read reads whole lines, each with its end but for the last of the log, into memory that
// has room for them or is replaced. There is none after the last, and after an error. If a
// line is too long for that, it gives what there is of it.
func (b *blocks) read(memory []byte) (text []byte, whole bool) {
	text = append(memory[:0], b.begun...)
	b.begun = b.begun[:0]
	for searched := 0; ; searched = len(text) {
		text = slices.Grow(text, max(0, b.size-len(text)))
		for b.err == nil && len(text) < b.size*3/4 { // a pipe's own blocks are small
			var n int
			n, b.err = b.from.Read(text[len(text):b.size])
			text = text[:len(text)+n]
		}
		end := searched + bytes.LastIndexByte(text[searched:], '\n') + 1
		switch {
		case end > searched:
			b.begun = append(b.begun, text[end:]...)
			return text[:end], true
		case errors.Is(b.err, io.EOF):
			return text, true
		case b.err != nil:
			return text[:0], true // half a line is none
		case len(text) > blockLine:
			return text, false
		}
		b.size = 2 * len(text)
	}
}

// split makes messages of lines. Those that are too many for a batch begin the next block.
func (s *Source) split(text []byte, messages []events.Message) []events.Message {
	messages, at := s.messages(text, messages)
	b := s.blocks
	if b.size = min(2*b.size, blockMost); at < len(text) {
		b.begun = append(bytes.Clone(text[at:]), b.begun...)
		b.size = max(blockLeast, at)
	}
	return messages
}

// messages makes messages of lines, as many as a batch has, and says where it stopped.
func (s *Source) messages(text []byte, messages []events.Message) (all []events.Message, at int) {
	for at < len(text) && len(messages) < batchMessages {
		line := text[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		at += len(line)
		if s.line++; s.line < s.from {
			continue
		}
		line = s.withoutEnd(line)
		if !isBlank(line) {
			messages = append(messages, events.Message{
				Kind: s.kind, Input: s.input, Seq: s.line, Stored: events.MinTime, Data: line[:len(line):len(line)],
			})
		}
	}
	return messages, at
}

// isBlank reports whether a line holds nothing: white space, or a byte order mark alone, which is all that some tools
// write into a file without events.
func isBlank(line []byte) bool {
	const mark = "\xef\xbb\xbf"
	if len(line) > 0 && line[0] > ' ' && line[0] != mark[0] {
		return false
	}
	return len(bytes.TrimSpace(bytes.TrimPrefix(line, []byte(mark)))) == 0
}

// nextPacked is Next where the reader of a file with columns packs rows.
func (s *Source) nextPacked() (batch events.Batch, err error) {
	batch.ReadThrough = events.MinTime
	text, messages := s.memory.take()
	for s.err == nil && len(messages) == 0 {
		payload, rows, err := s.packed.Next(text, s.memory.takeRows())
		text = payload
		switch {
		case errors.Is(err, io.EOF):
			s.err = s.atEnd()
		case err != nil:
			s.err = fmt.Errorf("%s log %s, line %d: %w", s.kind, s.name, s.line+1, err)
		case rows == nil:
			var at int
			if messages, at = s.messages(text, messages); at < len(text) {
				s.err = fmt.Errorf("%s log %s: a block has more than %d lines", s.kind, s.name, batchMessages)
			}
		default:
			batch.Records = rows
			for range rows.Rows {
				s.line++
				messages = append(messages, events.Message{
					Kind: s.kind, Input: s.input, Seq: s.line, Stored: events.MinTime,
				})
			}
		}
	}
	if len(messages) == 0 {
		return batch, s.err
	}
	batch.Messages = messages
	switch rows, _ := batch.Records.(*packed.Block); {
	case rows != nil && rows.InRoom():
		s.memory.keep(text)
	case s.memory != nil:
		batch.Memory = text
	}
	return batch, nil
}

// afterBlocks says why there is no more text.
func (s *Source) afterBlocks() error {
	if err := s.blocks.err; !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s log %s, line %d: %w", s.kind, s.name, s.line+1, s.explain(err))
	}
	return s.atEnd()
}
