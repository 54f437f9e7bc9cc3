package columnar

import (
	"io"
	"slices"
)

// pageBytes are the bytes of a page that were not used. Some of them are in memory, and the others follow from a
// reader, if there is one: then a page that is decompressed takes no more memory than what is in use of it.
type pageBytes struct {
	rest []byte
	from io.Reader
	// memory is what rest is a part of if there is a reader.
	memory []byte
}

// need has n bytes in memory. What was used before is overwritten if some of them have to be read.
func (b *pageBytes) need(n int) error {
	if n <= len(b.rest) {
		return nil
	}
	if b.from == nil || n < 0 {
		return io.ErrUnexpectedEOF
	}
	if n > cap(b.memory) {
		b.rest = append(make([]byte, 0, n), b.rest...)
		b.memory = b.rest[:0]
	}
	all := b.memory[:cap(b.memory)]
	have := copy(all, b.rest)
	more, err := io.ReadAtLeast(b.from, all[have:], n-have)
	b.rest = all[:have+more]
	return short(err)
}

// next uses n bytes, which are good until need or next is called.
func (b *pageBytes) next(n int) ([]byte, error) {
	if err := b.need(n); err != nil {
		return nil, err
	}
	p := b.rest[:n:n]
	b.rest = b.rest[n:]
	return p, nil
}

// keep is next, but that the bytes are good for as long as the page is: if they do not stay where they are, they come
// into other memory, which is grown.
func (b *pageBytes) keep(n int, memory *[]byte) ([]byte, error) {
	if b.from == nil {
		return b.next(n)
	}
	kept := slices.Grow((*memory)[:0], n)[:n]
	*memory = kept
	have := copy(kept, b.rest)
	b.rest = b.rest[have:]
	_, err := io.ReadFull(b.from, kept[have:])
	return kept, short(err)
}

// short says that bytes are missing, of which some are needed.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
