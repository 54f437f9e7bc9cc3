package literals

import (
	"slices"

	"github.com/klauspost/compress/fse"
)

// symbols is how many bytes there are.
const symbols = 256

// longest is the most bits of a code.
const longest = 11

// codes has for each byte its code at the top of a word, and how many bits it has at the bottom.
type codes [symbols]uint64

// verdict says what to do with the blocks of a frame.
type verdict int

const (
	verdictStore verdict = iota
	verdictCode
	verdictSame
)

// Of what is longer than sampleLeast, of every sampleEach bytes the first sampleRun are counted. Both are whole
// numbers of eight bytes.
const (
	sampleLeast = 64 << 10
	sampleEach  = 2 << 10
	sampleRun   = 256
)

// makeCodes makes the codes for the bytes of a frame and their description.
func (e *Encoder) makeCodes(src []byte) verdict {
	if len(src) < leastLiterals {
		return verdictStore
	}
	n, used := e.count(src)
	if used == 1 {
		return verdictSame
	}
	e.makeLengths(used)
	size := 0 // in bits
	for i, length := range e.lengths {
		size += int(e.counts[i]) * int(length)
	}
	if size/8 >= wanted(n) || !e.describe() {
		return verdictStore
	}
	e.assign()
	return verdictCode
}

// count counts the bytes of src, or of a sample: n of them, of which so many are distinct. A sample that has all there
// are says how rare each is; with another one, some byte that comes later would have no code.
func (e *Encoder) count(src []byte) (n, used int) {
	if len(src) > sampleLeast {
		clear(e.counts[:])
		for rest := src; len(rest) >= sampleRun; rest = rest[min(len(rest), sampleEach):] {
			e.add(rest[:sampleRun])
			n += sampleRun
		}
		if used := e.used(); used == symbols {
			return n, used
		}
	}
	clear(e.counts[:])
	e.add(src)
	return len(src), e.used()
}

func (e *Encoder) add(src []byte) {
	for _, b := range src {
		e.counts[b]++
	}
}

func (e *Encoder) used() (n int) {
	for _, count := range e.counts {
		if count > 0 {
			n++
		}
	}
	return n
}

// makeLengths gives each of the bytes that are used, at least two, as many bits as it is rare: Huffman's tree, of which
// what is too deep is lifted.
func (e *Encoder) makeLengths(used int) {
	order := e.order[:0]
	for i, count := range e.counts {
		if count > 0 {
			order = append(order, uint64(count)<<8|uint64(i))
		}
	}
	slices.Sort(order)
	e.joinRarest(order)
	clear(e.lengths[:])
	// The nodes from used on are those that were joined, the last of them the root.
	depth := e.parents[:2*used-1]
	depth[2*used-2] = 0
	for i := 2*used - 3; i >= 0; i-- {
		depth[i] = depth[depth[i]] + 1
	}
	space := 0 // that the codes take, of 1 << longest
	for i := range order {
		depth[i] = min(depth[i], longest)
		space += 1 << (longest - depth[i])
	}
	fit(depth[:used], space)
	for i, node := range order {
		e.lengths[byte(node)] = uint8(depth[i])
	}
}

// joinRarest joins the two rarest nodes until one is left, and notes for each the one that it became a part of. The
// nodes are the bytes by their counts, and after them those that were joined, which come in order as well.
func (e *Encoder) joinRarest(order []uint64) {
	used := len(order)
	var joined [symbols]uint64 // how often
	leaf, node := 0, 0
	rarest := func(made int) (at int, count uint64) {
		if node == made || leaf < used && order[leaf]>>8 <= joined[node] {
			leaf++
			return leaf - 1, order[leaf-1] >> 8
		}
		node++
		return used + node - 1, joined[node-1]
	}
	for made := range used - 1 {
		a, x := rarest(made)
		b, y := rarest(made)
		joined[made] = x + y
		e.parents[a], e.parents[b] = uint16(used+made), uint16(used+made)
	}
}

// fit makes codes fill the space there is: where what was too deep takes too much of it, rare bytes get longer codes,
// and what is left then goes to the most frequent that it is enough for. Lengths are in the order in which bytes are
// rare.
func fit(lengths []uint16, space int) {
	const all = 1 << longest
	for i := 0; space > all; i = (i + 1) % len(lengths) {
		if lengths[i] < longest {
			lengths[i]++
			space -= 1 << (longest - lengths[i])
		}
	}
	for i := len(lengths) - 1; space < all; i = (i + len(lengths) - 1) % len(lengths) {
		if gain := 1 << (longest - lengths[i]); lengths[i] > 1 && gain <= all-space {
			lengths[i]--
			space += gain
		}
	}
}

// assign gives the bytes their codes: those of the longest first, and those of the same length in the order of the
// bytes (RFC 8878, 4.2.1.3).
func (e *Encoder) assign() {
	var of [longest + 1]uint64
	for _, length := range e.lengths {
		of[length]++
	}
	next := uint64(0)
	for length := longest; length > 0; length-- {
		of[length], next = next, (next+of[length])/2
	}
	for i, length := range e.lengths {
		if e.codes[i] = 0; length > 0 {
			e.codes[i] = of[length]<<(64-length) | uint64(length)
			of[length]++
		}
	}
}

// describe makes the description of the codes: a weight for each byte but the last that is used (RFC 8878, 4.2.1). It
// reports whether there is one.
func (e *Encoder) describe() bool {
	most, last := uint8(0), 0
	for i, length := range e.lengths {
		if most = max(most, length); length > 0 {
			last = i
		}
	}
	e.weights = [symbols]uint8{}
	counts, heaviest := [longest + 1]uint32{}, uint8(0)
	for i, length := range e.lengths[:last] {
		if length > 0 {
			e.weights[i] = most + 1 - length
		}
		counts[e.weights[i]]++
		heaviest = max(heaviest, e.weights[i])
	}
	return e.describeShort(last, counts[:heaviest+1]) || e.describePlain(last)
}

// describeShort compresses the weights, of which each is there as often as counts say, if that makes them shorter.
func (e *Encoder) describeShort(n int, counts []uint32) bool {
	copy(e.fse.Histogram(), counts)
	e.fse.HistogramFinished(uint8(len(counts)-1), int(slices.Max(counts)))
	e.fse.TableLog = 6 // the most that the format allows
	short, err := fse.Compress(e.weights[:n], &e.fse)
	if err != nil || len(short) > n/2 || len(short) > 127 {
		return false
	}
	e.table = append(append(e.table[:0], uint8(len(short))), short...)
	return true
}

// describePlain puts two weights into a byte. That can be done with no more than 128.
func (e *Encoder) describePlain(n int) bool {
	if n > 128 {
		return false
	}
	e.table = append(e.table[:0], uint8(127+n))
	for i := 0; i < n; i += 2 {
		e.table = append(e.table, e.weights[i]<<4|e.weights[i+1])
	}
	return true
}
