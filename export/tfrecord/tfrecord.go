// Package tfrecord writes TFRecord files of tf.Example, which TensorFlow and TFX read.
//
// A record is its length, the masked CRC-32C of the length, its bytes, and their masked
// CRC-32C: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details.
package tfrecord

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// castagnoli is the polynomial of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is a checksum as TFRecord stores it: the CRC of bytes that hold CRCs would be
// no good check.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// Writer writes records. It is used by one goroutine.
type Writer struct {
	to   io.Writer
	head [12]byte
	tail [4]byte
}

// NewWriter returns a writer of records to a file, which may be compressed on the way.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write writes one record.
func (w *Writer) Write(record []byte) error {
	binary.LittleEndian.PutUint64(w.head[:8], uint64(len(record)))
	binary.LittleEndian.PutUint32(w.head[8:], masked(w.head[:8]))
	binary.LittleEndian.PutUint32(w.tail[:], masked(record))
	for _, part := range [...][]byte{w.head[:], record, w.tail[:]} {
		if _, err := w.to.Write(part); err != nil {
			return fmt.Errorf("write a record: %w", err)
		}
	}
	return nil
}

// Example builds the bytes of a tf.Example: features by name, each a list of integers,
// floats or texts. Give the features in the order of their names, so that the same
// features have the same bytes.
// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto
type Example struct {
	features []byte
	list     []byte
	values   []byte
	record   []byte
}

// Reset begins the next example.
func (e *Example) Reset() { e.features = e.features[:0] }

// The tags of protocol buffers: the field's number, and that its value has a length.
const (
	tagFeatures = 1<<3 | 2 // Example.features
	tagEntry    = 1<<3 | 2 // Features.feature, an entry of a map
	tagKey      = 1<<3 | 2
	tagValue    = 2<<3 | 2
	tagTexts    = 1<<3 | 2 // Feature.bytes_list
	tagFloats   = 2<<3 | 2 // Feature.float_list
	tagInts     = 3<<3 | 2 // Feature.int64_list
	tagItems    = 1<<3 | 2 // the value of a list, packed if it is one of numbers
)

// Ints adds a feature of integers.
func (e *Example) Ints(name string, values ...int64) {
	e.values = e.values[:0]
	for _, v := range values {
		e.values = binary.AppendUvarint(e.values, uint64(v))
	}
	e.packed(name, tagInts)
}

// Floats adds a feature of floats, which have 32 bits.
func (e *Example) Floats(name string, values ...float32) {
	e.values = e.values[:0]
	for _, v := range values {
		e.values = binary.LittleEndian.AppendUint32(e.values, math.Float32bits(v))
	}
	e.packed(name, tagFloats)
}

// Texts adds a feature of texts.
func (e *Example) Texts(name string, values ...[]byte) {
	e.list = e.list[:0]
	for _, v := range values {
		e.list = field(e.list, tagItems, v)
	}
	e.feature(name, tagTexts)
}

// packed adds a list of numbers. An empty list is a list all the same.
func (e *Example) packed(name string, tag byte) {
	e.list = e.list[:0]
	if len(e.values) > 0 {
		e.list = field(e.list, tagItems, e.values)
	}
	e.feature(name, tag)
}

// feature adds the entry of a feature whose list is made.
func (e *Example) feature(name string, tag byte) {
	inner := 1 + varintSize(len(e.list)) + len(e.list)
	entry := 1 + varintSize(len(name)) + len(name) + 1 + varintSize(inner) + inner
	b := binary.AppendUvarint(append(e.features, tagEntry), uint64(entry))
	b = binary.AppendUvarint(append(b, tagKey), uint64(len(name)))
	b = append(b, name...)
	b = binary.AppendUvarint(append(b, tagValue), uint64(inner))
	e.features = field(b, tag, e.list)
}

// Bytes is the example. It is good until the next call.
func (e *Example) Bytes() []byte {
	e.record = field(e.record[:0], tagFeatures, e.features)
	return e.record
}

func field(dst []byte, tag byte, value []byte) []byte {
	dst = binary.AppendUvarint(append(dst, tag), uint64(len(value)))
	return append(dst, value...)
}

func varintSize(n int) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}
