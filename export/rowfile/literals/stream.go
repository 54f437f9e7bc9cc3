package literals

import "encoding/binary"

// buffer has room for a stream: for a quarter of a block in the longest codes, and for what is written with its end.
type buffer [1<<16 + 8]byte

// stream is a stream of bits being written. Those that are not in its buffer yet are at the top of bits: as many as the
// lowest byte of n says. Above it n has the rest of all codes, which nothing looks at.
type stream struct {
	bits, n uint64
	at      uint16
}

// add adds a code. Its length, below it, is pushed out before it could come among the bits: no more than 56 are there.
func (s stream) add(code uint64) stream {
	return stream{bits: s.bits>>(code&63) | code, n: s.n + code, at: s.at}
}

// flush writes the whole bytes. Something was added since the last time.
func (s stream) flush(to *buffer) stream {
	n := s.n & 0xff
	binary.LittleEndian.PutUint64(to[s.at:][:8], s.bits>>((64-n)&63))
	return stream{bits: s.bits, n: n & 7, at: s.at + uint16(n>>3)}
}

// end ends the stream, with a bit that readers look for, and says how long it is.
func (s stream) end(to *buffer) int {
	s = s.add(1<<63 | 1).flush(to)
	return int(s.at) + int(min(s.n, 1))
}

// addLast adds the last bytes of a stream, which come first: it is read from its end.
func (s stream) addLast(last []byte, c *codes, to *buffer) stream {
	for i := len(last) - 1; i >= 0; i-- {
		s = s.add(c[last[i]]).flush(to)
	}
	return s
}

// encode makes two streams, and says how long they are. One by one they would take half as long again: each code waits
// for the one before.
func (e *Encoder) encode(first, second []byte) (n, m int) {
	c, to, other := &e.codes, &e.streams[0], &e.streams[1]
	whole := min(len(first), len(second)) &^ 3
	s := stream{}.addLast(first[whole:], c, to)
	r := stream{}.addLast(second[whole:], c, other)
	first, second = first[:whole], second[:whole]
	for len(first) >= 4 && len(second) >= 4 {
		x, y := (*[4]byte)(first[len(first)-4:]), (*[4]byte)(second[len(second)-4:])
		first, second = first[:len(first)-4], second[:len(second)-4]
		s, r = s.add(c[x[3]]), r.add(c[y[3]])
		s, r = s.add(c[x[2]]), r.add(c[y[2]])
		s, r = s.add(c[x[1]]), r.add(c[y[1]])
		s, r = s.add(c[x[0]]), r.add(c[y[0]])
		s, r = s.flush(to), r.flush(other)
	}
	return s.end(to), r.end(other)
}
