package packed

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// Magic begins what the process writes if it packs rows. No JSON begins so.
const Magic = "\x00ljpack1"

// A block is of one of these kinds: rows in columns, lines of JSON, or rows whose columns lie in a slot of the room.
const (
	blockColumns byte = iota
	blockLines
	blockInRoom
)

// Column is a column of a block, as Parquet has columns.
type Column struct {
	Levels int
	Def    []byte // empty: each value is there
	Rep    []byte // of the leaves of a list
	// Words are numbers, doubles as their bits; texts are parts of Text, the i-th of them
	// from Offsets[i] to Offsets[i+1].
	Words   []uint64
	Text    []byte
	Offsets []uint32
	// Book, if not nil, has the texts instead, and Codes are their numbers there.
	Book  *events.Book
	Codes []uint32

	memory []uint64 // for Words
	lent   bool     // Words are not in it: see Lend
}

// Lend appends words that stay where they are until the column is cleared, or Own is called.
func (c *Column) Lend(words []uint64) {
	if len(c.Words) == 0 {
		c.Words, c.lent = words[:len(words):len(words)], true
		return
	}
	c.Own()
	c.Words = append(c.Words, words...)
}

// Own has the column keep the words that it was lent.
func (c *Column) Own() {
	if c.lent {
		c.Words, c.lent = append(c.memory[:0], c.Words...), false
	}
}

// Clear empties a column for the next block.
func (c *Column) Clear() {
	if !c.lent {
		c.memory = c.Words[:0]
	}
	*c = Column{Def: c.Def[:0], Rep: c.Rep[:0], Words: c.memory, memory: c.memory,
		Text: c.Text[:0], Offsets: append(c.Offsets[:0], 0),
		Codes: c.Codes[:0]}
}

// Decode makes texts of the codes of a column, if it has some. It is false if they are longer than most, in bytes.
func (c *Column) Decode(most int) bool {
	for _, code := range c.Codes {
		if len(c.Text) > most {
			return false
		}
		c.Text = append(c.Text, c.Book.At(code)...)
		c.Offsets = append(c.Offsets, uint32(len(c.Text)))
	}
	c.Book, c.Codes = nil, c.Codes[:0]
	return true
}

// Writer writes the rows of a file.
type Writer struct {
	out    io.Writer
	schema *Schema
	room   *Room // nil: all goes through the pipe
	buf    []byte
	books  []*events.Book // by leaf: the one that was written last
}

// NewWriter begins to write rows of a schema, to the room as far as it has some and is not nil.
func NewWriter(out io.Writer, s *Schema, room *Room) (*Writer, error) {
	text, err := json.Marshal(s.Fields)
	if err != nil {
		return nil, err
	}
	head := binary.LittleEndian.AppendUint32([]byte(Magic), uint32(len(text)))
	_, err = out.Write(append(head, text...))
	return &Writer{out: out, schema: s, room: room, books: make([]*events.Book, len(s.leaves))}, err
}

// Most is the definition level of the values of a column, by its number in a block.
func (s *Schema) Most(leaf int) byte { return s.leaves[leaf].def }

// Listed reports whether a column is of the list.
func (s *Schema) Listed(leaf int) bool { return s.leaves[leaf].listed }

// A block begins with its length, of four bytes, its kind, and the number of its slot. The rest is as long as the
// largest numbers in it, so that those stand where memory has them.
const (
	blockKind = 4
	blockSlot = 5
	blockHead = 8
)

// Block writes rows, whose columns are those of the schema's leaves. It returns how many
// bytes they are.
func (w *Writer) Block(rows int, columns []Column) (size int, err error) {
	slot, memory := w.room.take()
	if slot < 0 {
		memory = w.buf
	}
	b := w.appendBlock(memory[:0], rows, columns)
	if slot >= 0 && len(b) > len(memory) {
		w.room.drop(slot)
		slot = -1
	}
	if slot < 0 {
		w.buf = b
		return len(b), w.flush()
	}
	var head [blockHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(b)-blockHead))
	head[blockKind], head[blockSlot] = blockInRoom, byte(slot)
	_, err = w.out.Write(head[:])
	return len(b), err
}

// appendBlock appends rows with their head to b, which is empty.
func (w *Writer) appendBlock(b []byte, rows int, columns []Column) []byte {
	b = append(b, make([]byte, blockHead)...)
	b[blockKind] = blockColumns
	b = binary.LittleEndian.AppendUint32(b, uint32(rows))
	for i := range columns {
		c, t := &columns[i], &w.schema.leaves[i]
		flags := byte(0)
		if bytes.Count(c.Def, []byte{t.def}) < len(c.Def) {
			flags |= hasDef
		}
		if t.listed {
			flags |= hasRep
		}
		if c.Book != nil {
			flags |= hasCodes
		}
		b = binary.LittleEndian.AppendUint32(append(b, flags), uint32(c.Levels))
		if flags&hasDef != 0 {
			b = append(b, c.Def...)
		}
		if flags&hasRep != 0 {
			b = append(b, c.Rep...)
		}
		switch {
		case c.Book != nil:
			b = w.appendCodes(b, i, c)
			continue
		case t.kind == KindText:
			b = appendTexts(b, c.Text, c.Offsets)
			continue
		}
		b = appendNumbers(binary.LittleEndian.AppendUint32(b, uint32(len(c.Words))), c.Words)
	}
	return b
}

func appendTexts(b, text []byte, offsets []uint32) []byte {
	b = appendNumbers(binary.LittleEndian.AppendUint32(b, uint32(len(offsets)-1)), offsets)
	return append(b, text...)
}

// appendCodes appends the codes of a leaf, after their book if it is another one than in the block before.
func (w *Writer) appendCodes(b []byte, leaf int, c *Column) []byte {
	if w.books[leaf] == c.Book {
		b = append(b, 0)
	} else {
		w.books[leaf] = c.Book
		b = appendTexts(append(b, 1), c.Book.Text, c.Book.Offsets)
	}
	return appendNumbers(binary.LittleEndian.AppendUint32(b, uint32(len(c.Codes))), c.Codes)
}

// Lines writes rows as lines of JSON: those of a file that cannot be read to its end.
func (w *Writer) Lines(lines []byte) error {
	w.buf = append(w.buf[:0], make([]byte, blockHead)...)
	w.buf[blockKind] = blockLines
	w.buf = append(w.buf, lines...)
	return w.flush()
}

func (w *Writer) flush() error {
	if len(w.buf)-blockHead > mostBlock {
		return fmt.Errorf("a block of %d bytes is larger than is read", len(w.buf))
	}
	binary.LittleEndian.PutUint32(w.buf, uint32(len(w.buf)-blockHead))
	_, err := w.out.Write(w.buf)
	return err
}

// mostBlock bounds a block. Rows of a hundred MiB are no requests.
const mostBlock = 1 << 30

// Reader reads what a Writer has written.
type Reader struct {
	from   io.Reader
	schema *Schema
	room   *Room
	books  []*book // by leaf: the one that was read last
}

// NewReader begins to read. It is nil if that is not what r gives: then nothing was read. The room is that of the
// Writer; nil if it has none.
func NewReader(r *bufio.Reader, room *Room) (*Reader, error) {
	if magic, _ := r.Peek(len(Magic)); string(magic) != Magic {
		return nil, nil
	}
	_, _ = r.Discard(len(Magic))
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	text := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	var fields []Field
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	s, err := NewSchema(fields)
	if err != nil {
		return nil, err
	}
	return &Reader{from: r, schema: s, room: room, books: make([]*book, len(s.leaves))}, nil
}

// Next reads a block into memory, or into other memory if it is too small, and gives what
// it holds: rows, or lines if they are nil. The rows are in the memory of spare, of which nothing is used any more,
// unless it is nil. Rows that are InRoom do not use the memory. The error is io.EOF after the last, or the reader's.
func (r *Reader) Next(memory []byte, spare *Block) (payload []byte, rows *Block, err error) {
	var head [blockHead]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errDamaged
		}
		return memory, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if head[blockKind] == blockInRoom {
		rows, err := r.inRoom(int(head[blockSlot]), n, spare)
		return memory, rows, err
	}
	if n > mostBlock {
		return memory, nil, errDamaged
	}
	payload = slices.Grow(memory[:0], n)[:n]
	if _, err := io.ReadFull(r.from, payload); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errDamaged
		}
		return payload, nil, err
	}
	if head[blockKind] == blockLines {
		return payload, nil, nil
	}
	rows = r.block(spare)
	return payload, rows, rows.decode(payload, r.books)
}

// block is spare, or a new block, for rows that are read.
func (r *Reader) block(spare *Block) *Block {
	if spare == nil {
		spare = new(Block)
	}
	spare.schema, spare.room = r.schema, nil
	return spare
}

// inRoom gives the rows in a slot, where they stay until they are released.
func (r *Reader) inRoom(slot, bytes int, spare *Block) (*Block, error) {
	payload, ok := r.room.hold(slot, bytes)
	if !ok {
		return nil, errDamaged
	}
	rows := r.block(spare)
	rows.room, rows.slot = r.room, slot
	if err := rows.decode(payload, r.books); err != nil {
		rows.Release()
		return nil, err
	}
	return rows, nil
}
