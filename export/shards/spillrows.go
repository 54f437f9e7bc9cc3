package shards

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/labeljoin/labeljoin/export/rowfile"
)

// The forms of rows in the scratch file.
const (
	rowsNull  = 1 << iota // some are null, and which they are stands before the values
	rowsCode8             // the values are codes of one byte
	rowsCode16
)

// appendRows appends rows of a vector in the scratch file's form: how many there are, which form
// they have, which of them are null, and their values. Null rows have a value too, of nothing.
func appendRows(dst []byte, v *vector, rows []int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	form := byte(0)
	if v.nulls {
		form |= rowsNull
	}
	if v.coded && v.codesWidth() == 1 {
		form |= rowsCode8
	} else if v.coded {
		form |= rowsCode16
	}
	dst = append(dst, form)
	if v.nulls {
		for _, row := range rows {
			dst = append(dst, byte(bit(v.null[row])))
		}
	}
	switch {
	case form&rowsCode8 != 0:
		for _, row := range rows {
			dst = append(dst, byte(v.codes[row]))
		}
		return dst
	case form&rowsCode16 != 0:
		for _, row := range rows {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(v.codes[row]))
		}
		return dst
	case v.typ.List:
		var elems []int32
		for _, row := range rows {
			from, to := v.start(int(row)), v.ends[row]
			dst = binary.AppendUvarint(dst, uint64(to-from))
			for i := from; i < to; i++ {
				elems = append(elems, int32(i))
			}
		}
		return appendRows(dst, v.elems, elems)
	case v.typ.Scalar == rowfile.ScalarString:
		total := 0
		for _, row := range rows {
			size := v.ends[row] - v.start(int(row))
			total += int(size)
			dst = binary.AppendUvarint(dst, uint64(size))
		}
		dst = slices.Grow(dst, total)
		for _, row := range rows {
			dst = append(dst, v.bytes(int(row))...)
		}
		return dst
	}
	width := widthOf(v.typ.Scalar)
	from := len(dst)
	dst = slices.Grow(dst, width*len(rows))[:from+width*len(rows)]
	to := dst[from:]
	switch width {
	case 1:
		for i, row := range rows {
			to[i] = byte(v.nums[row])
		}
	case 4:
		for i, row := range rows {
			binary.LittleEndian.PutUint32(to[4*i:], uint32(v.nums[row]))
		}
	default:
		for i, row := range rows {
			binary.LittleEndian.PutUint64(to[8*i:], v.nums[row])
		}
	}
	return dst
}

// widthOf is how many bytes a number takes in the scratch file.
func widthOf(s rowfile.Scalar) int {
	switch s {
	case rowfile.ScalarBool:
		return 1
	case rowfile.ScalarInt32:
		return 4
	}
	return 8
}

// errScratch says that the scratch file does not hold what was written to it.
var errScratch = errors.New("the scratch file is damaged: check the disk and the memory of this machine")

// readRows adds what appendRows has written and returns what follows it.
func (v *vector) readRows(src []byte) (rest []byte, err error) {
	count, n := binary.Uvarint(src)
	if n <= 0 || n == len(src) {
		return nil, errScratch
	}
	form := src[n]
	src = src[n+1:]
	if count > uint64(len(src)) { // a row takes a byte at least
		return nil, errScratch
	}
	rows := int(count)
	coded := form&(rowsCode8|rowsCode16) != 0
	if coded {
		v.code()
	} else {
		v.expand()
	}
	at := len(v.null)
	v.null = slices.Grow(v.null, rows)[:at+rows]
	clear(v.null[at:])
	if form&rowsNull != 0 {
		v.nulls = true
		for i, null := range src[:rows] {
			v.null[at+i] = null != 0
		}
		src = src[rows:]
	}
	if coded {
		return v.readCodes(src, form, at)
	}
	if v.typ.List || v.typ.Scalar == rowfile.ScalarString {
		return v.readEnds(src, rows)
	}
	width := widthOf(v.typ.Scalar)
	if len(src) < rows*width {
		return nil, errScratch
	}
	at = len(v.nums)
	v.nums = slices.Grow(v.nums, rows)[:at+rows]
	to := v.nums[at:]
	switch width {
	case 1:
		for i := range to {
			to[i] = uint64(src[i])
		}
	case 4:
		for i := range to {
			to[i] = uint64(int64(int32(binary.LittleEndian.Uint32(src[4*i:]))))
		}
	default:
		for i := range to {
			to[i] = binary.LittleEndian.Uint64(src[8*i:])
		}
	}
	return src[rows*width:], nil
}

// readCodes adds the codes of the rows from a number on, whose nulls are known.
func (v *vector) readCodes(src []byte, form byte, from int) (rest []byte, err error) {
	rows, width := len(v.null)-from, 1
	if form&rowsCode16 != 0 {
		width = 2
	}
	if v.book == nil || len(src) < rows*width {
		return nil, errScratch
	}
	at := len(v.codes)
	v.codes = slices.Grow(v.codes, rows)[:at+rows]
	to, most := v.codes[at:], uint32(v.book.Len())
	for i := range to {
		if width == 1 {
			to[i] = uint32(src[i])
		} else {
			to[i] = uint32(binary.LittleEndian.Uint16(src[2*i:]))
		}
		if to[i] >= most && !v.null[from+i] {
			return nil, errScratch
		}
	}
	if v.coded {
		v.measure(at)
	} else { // rows before these have values of their own
		v.appendExpanded(to, v.null[from:])
		v.codes = v.codes[:at]
	}
	return src[rows*width:], nil
}

func (v *vector) readEnds(src []byte, rows int) (rest []byte, err error) {
	first, at := v.end(), len(v.ends)
	end := first
	v.ends = slices.Grow(v.ends, rows)[:at+rows]
	for i := range rows {
		size, n := binary.Uvarint(src)
		if n <= 0 {
			return nil, errScratch
		}
		src, end = src[n:], end+uint32(size)
		v.ends[at+i] = end
	}
	if v.typ.List {
		return v.elems.readRows(src)
	}
	size := int(end - first)
	if size > len(src) {
		return nil, errScratch
	}
	v.text = append(v.text, src[:size]...)
	return src[size:], nil
}
