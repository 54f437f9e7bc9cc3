// Package colfile writes Parquet files of whole columns.
//
// The Parquet library takes values one by one, each with its levels and its
// column in a structure of 24 bytes; here a column comes as one slice of
// numbers, or of text with offsets, and is cut into pages. The encodings, the
// compression, the schema and Thrift are the library's: what stands here is how
// pages, chunks and the footer are put together, which the format's
// documentation says: https://github.com/apache/parquet-format.
package colfile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Options of a file.
type Options struct {
	CreatedBy string
	Metadata  map[string]string // of the footer
	Codec     compress.Codec    // of pages
	Memory    *Memory           // nil: of this file alone
}

// Memory is what encoding a file took, for the files after it. Several may be
// written at once.
type Memory struct {
	encoders sync.Pool // of *Encoder
	chunks   sync.Pool // of *[]byte
	// What Keep keeps of them; nil: nothing.
	keptEncoders chan *Encoder
	keptChunks   chan []byte
}

// keptBytes bounds a chunk whose memory Keep keeps: few are larger.
const keptBytes = 512 << 10

// Keep says that files follow one another without a pause, and that so many columns are encoded at once: their memory
// is not left to the garbage collector, which otherwise takes it several times a file. It is called before the first
// file.
func (m *Memory) Keep(columns int) {
	m.keptEncoders, m.keptChunks = make(chan *Encoder, columns), make(chan []byte, 12*columns)
}

func (m *Memory) takeEncoder() *Encoder {
	select {
	case e := <-m.keptEncoders:
		return e
	default:
	}
	if e, ok := m.encoders.Get().(*Encoder); ok {
		return e
	}
	return new(Encoder)
}

func (m *Memory) putEncoder(e *Encoder) {
	select {
	case m.keptEncoders <- e:
	default:
		m.encoders.Put(e)
	}
}

// takeChunk is memory for a chunk; nil if there is none.
func (m *Memory) takeChunk() []byte {
	select {
	case b := <-m.keptChunks:
		return b[:0]
	default:
	}
	if b, ok := m.chunks.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return nil
}

func (m *Memory) putChunk(b []byte) {
	if cap(b) <= keptBytes {
		select {
		case m.keptChunks <- b:
			return
		default:
		}
	}
	m.chunks.Put(&b)
}

// Writer writes one file: its columns in the schema's order, row group by row
// group, and then Close. Encoders, of which several goroutines can have one each,
// make columns what Column takes. After an error it is of no use.
type Writer struct {
	out    *bufio.Writer
	offset int64
	codec  compress.Codec
	limits limits
	leaves []leaf
	meta   *format.FileMetaData
	memory *Memory

	group format.RowGroup // being written
	index []pageIndex     // of its columns
	done  [][]pageIndex   // of the groups before
	structs
}

// structs encodes the format's structures.
type structs struct {
	buf      bytes.Buffer
	protocol thrift.CompactProtocol
	encoder  *thrift.Encoder
}

// encode returns the bytes of a structure, which are good until the next call.
func (s *structs) encode(v any) ([]byte, error) {
	if s.encoder == nil {
		s.encoder = thrift.NewEncoder(s.protocol.NewWriter(&s.buf))
	}
	s.buf.Truncate(0)
	err := s.encoder.Encode(v)
	return s.buf.Bytes(), err
}

// leaf is a column of the schema.
type leaf struct {
	path           []string
	kind           format.Type
	encoding       format.Encoding
	maxRep, maxDef byte
}

// magic is what a Parquet file begins and ends with.
const magic = "PAR1"

// bufferSize is of the writer below: pages are mostly smaller.
const bufferSize = 256 << 10

// NewWriter begins a file of the schema. The encodings of its leaves that are
// known here are PLAIN, DELTA_BINARY_PACKED of integers and RLE_DICTIONARY of
// all but Booleans.
func NewWriter(w io.Writer, schema *parquet.Schema, opts Options) (*Writer, error) {
	meta, err := emptyFile(schema, &opts)
	if err != nil {
		return nil, err
	}
	f := &Writer{out: bufio.NewWriterSize(w, bufferSize), codec: opts.Codec, limits: defaultLimits, meta: meta,
		memory: cmp.Or(opts.Memory, new(Memory))}
	for _, path := range schema.Columns() {
		column, ok := schema.Lookup(path...)
		if !ok {
			return nil, fmt.Errorf("the schema has no column %q", path)
		}
		kind := column.Node.Type().Kind()
		f.leaves = append(f.leaves, leaf{
			path: path, kind: format.Type(kind), encoding: encodingOf(column.Node),
			maxRep: byte(column.MaxRepetitionLevel), maxDef: byte(column.MaxDefinitionLevel),
		})
	}
	return f, f.write([]byte(magic))
}

func encodingOf(node parquet.Node) format.Encoding {
	if e := node.Encoding(); e != nil {
		return e.Encoding()
	}
	return format.Plain
}

// emptyFile is the footer that the library gives a file without rows: the
// schema's elements, the metadata and the orders of the columns.
func emptyFile(schema *parquet.Schema, opts *Options) (*format.FileMetaData, error) {
	empty := parquet.NewGenericWriter[any](io.Discard, schema, &parquet.WriterConfig{
		CreatedBy: opts.CreatedBy, KeyValueMetadata: opts.Metadata,
		ColumnPageBuffers: parquet.DefaultWriterConfig().ColumnPageBuffers, PageBufferSize: parquet.DefaultPageBufferSize,
		WriteBufferSize: parquet.DefaultWriteBufferSize, MaxRowsPerRowGroup: parquet.DefaultMaxRowsPerRowGroup,
		DataPageVersion: 2, ColumnIndexSizeLimit: func([]string) int { return boundsLimit },
	})
	if err := empty.Close(); err != nil {
		return nil, err
	}
	meta := *empty.File().Metadata()
	return &meta, nil
}

func (f *Writer) write(b []byte) error {
	n, err := f.out.Write(b)
	f.offset += int64(n)
	return err
}

// add writes a structure of the format and returns how long it is.
func (f *Writer) add(v any) (int32, error) {
	b, err := f.encode(v)
	if err != nil {
		return 0, err
	}
	return int32(len(b)), f.write(b)
}

// Column writes the next column of the row group. The chunk is of no use then.
func (f *Writer) Column(k *Chunk) error {
	i := len(f.group.Columns)
	switch {
	case i == len(f.leaves):
		return fmt.Errorf("the row group has all its %d columns", i)
	case k.column != i:
		return fmt.Errorf("column %d is not the next, which is %d", k.column, i)
	case i == 0:
		f.group.NumRows, f.group.FileOffset = k.rows, f.offset
	case k.rows != f.group.NumRows:
		return fmt.Errorf("column %q has %d rows, the first %d", f.leaves[i].path, k.rows, f.group.NumRows)
	}
	k.move(f.offset)
	if err := f.write(k.bytes); err != nil {
		return err
	}
	f.memory.putChunk(k.bytes)
	f.group.Columns = append(f.group.Columns, format.ColumnChunk{MetaData: k.meta})
	f.group.TotalByteSize += k.meta.TotalUncompressedSize
	f.group.TotalCompressedSize += k.meta.TotalCompressedSize
	f.index = append(f.index, k.index)
	return nil
}

// EndGroup ends the row group, which has all columns.
func (f *Writer) EndGroup() error {
	if n := len(f.group.Columns); n != len(f.leaves) {
		return fmt.Errorf("the row group has %d of %d columns", n, len(f.leaves))
	}
	f.group.Ordinal = int16(len(f.done))
	f.meta.RowGroups = append(f.meta.RowGroups, f.group)
	f.meta.NumRows += f.group.NumRows
	f.done = append(f.done, f.index)
	f.group, f.index = format.RowGroup{}, nil
	return nil
}

// Close writes the page index and the footer.
func (f *Writer) Close() error {
	if err := f.writeIndexes(); err != nil {
		return err
	}
	n, err := f.add(f.meta)
	if err != nil {
		return err
	}
	if err := f.write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), magic...)); err != nil {
		return err
	}
	return f.out.Flush()
}

// writeIndexes writes the column indexes of all groups and then their offset
// indexes: the library reads each of the two kinds in one piece.
func (f *Writer) writeIndexes() error {
	err := f.eachColumn(func(at *format.ColumnChunk, x *pageIndex) (err error) {
		at.ColumnIndexOffset = f.offset
		at.ColumnIndexLength, err = f.add(&x.bounds)
		return err
	})
	if err != nil {
		return err
	}
	return f.eachColumn(func(at *format.ColumnChunk, x *pageIndex) (err error) {
		at.OffsetIndexOffset = f.offset
		at.OffsetIndexLength, err = f.add(&x.places)
		return err
	})
}

func (f *Writer) eachColumn(visit func(*format.ColumnChunk, *pageIndex) error) error {
	for g, group := range f.done {
		for i := range group {
			if err := visit(&f.meta.RowGroups[g].Columns[i], &group[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
