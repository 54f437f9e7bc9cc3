package formats

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Array reads the elements of JSON arrays, one array after the other, without holding
// more than one element.
type Array struct {
	from    *bufio.Reader
	longest int
	n       uint64
	inside  bool
	ended   bool
	broken  bool // it ended in the middle of an element
	buf     []byte
}

// NewArray reads arrays. Of an element that is longer than longest, in bytes, one byte
// more than that is kept, so that decoding rejects it as too large.
func NewArray(from *bufio.Reader, longest int) *Array { return &Array{from: from, longest: longest} }

// Next returns the number of the next element, from 1 on, and its bytes, which are good
// until the next call. Brackets and quotes alone tell elements apart: whether one is
// JSON is for the decoder to judge. The error is io.EOF at the end, and
// io.ErrUnexpectedEOF if an array is not closed.
func (a *Array) Next() (n uint64, element []byte, err error) {
	for !a.inside {
		switch {
		case a.broken:
			a.broken = false
			return 0, nil, fmt.Errorf("element %d: the array is not closed: %w", a.n, io.ErrUnexpectedEOF)
		case a.ended:
			return 0, nil, io.EOF
		}
		if err := a.enter(); err != nil {
			return 0, nil, err
		}
	}
	a.buf = a.buf[:0]
	for s := (scope{depth: 1}); ; {
		_, err := a.from.Peek(1)
		if errors.Is(err, io.EOF) {
			a.inside, a.ended = false, true
			if half := bytes.TrimSpace(a.buf); len(half) > 0 {
				a.n, a.broken = a.n+1, true
				return a.n, half, nil // decoding says what is wrong with it
			}
			return 0, nil, fmt.Errorf("element %d: the array is not closed: %w", a.n+1, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return 0, nil, fmt.Errorf("element %d: %w", a.n+1, err)
		}
		text, _ := a.from.Peek(a.from.Buffered()) // it does not read
		size, ended := s.element(text)
		if keep := min(size, a.longest+1-len(a.buf)); keep > 0 {
			a.buf = append(a.buf, text[:keep]...)
		}
		if ended {
			size++
		}
		_, _ = a.from.Discard(size) // nor does this
		if ended {
			closed := s.depth == 0
			a.inside = !closed
			element := bytes.TrimSpace(a.buf)
			if len(element) == 0 && closed {
				return a.Next() // an empty array, or a comma too many
			}
			a.n++
			return a.n, element, nil
		}
	}
}

// enter goes to the beginning of the next array.
func (a *Array) enter() error {
	for {
		c, err := a.from.ReadByte()
		if errors.Is(err, io.EOF) {
			a.ended = true
			return io.EOF
		}
		switch {
		case err != nil:
			return err
		case c == '[':
			a.inside = true
			return nil
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || bytes.IndexByte(byteOrderMark, c) >= 0:
		default:
			a.ended = true
			return fmt.Errorf("after element %d: %q stands behind the array", a.n, c)
		}
	}
}
