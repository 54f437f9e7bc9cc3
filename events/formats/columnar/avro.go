package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/ocf"

	"github.com/labeljoin/labeljoin/events/formats"
)

// avro writes the records of an object container file
// (https://avro.apache.org/docs/1.12.0/specification/#object-container-files).
func (w *writer) avro(file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	tail := &tailReader{from: file}
	d, err := ocf.NewDecoder(tail, ocf.WithDecoderSchemaCache(&avro.SchemaCache{}))
	if err != nil {
		return fmt.Errorf("the header is damaged: %w", err)
	}
	defer func() { _ = d.Close() }()
	for d.HasNext() {
		var v any
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("record %d: %w", w.n+1, err)
		}
		fields, ok := v.(map[string]any)
		schema, isRecord := d.Schema().(*avro.RecordSchema)
		if !ok || !isRecord {
			return errors.New("it does not hold records")
		}
		if err := w.record(avroObject(schema, fields, inEvent)); err != nil {
			return err
		}
	}
	if err := d.Error(); err != nil {
		return fmt.Errorf("record %d: %w", w.n+1, err)
	}
	return tail.complete(file)
}

// tailReader remembers the last bytes that were read: a file that is complete ends in
// the marker that its header declares, behind its last block.
type tailReader struct {
	from io.Reader
	last []byte
}

const markerSize = 16

// Read implements io.Reader.
func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.last = append(t.last, p[max(0, n-markerSize):n]...)
	t.last = append(t.last[:0], t.last[max(0, len(t.last)-markerSize):]...)
	return n, err
}

// complete reports whether the file ends in its marker.
func (t *tailReader) complete(file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var h ocf.Header
	if err := avro.NewDecoderForSchema(ocf.HeaderSchema, file).Decode(&h); err != nil {
		return err
	}
	if !bytes.Equal(t.last, h.Sync[:]) {
		return fmt.Errorf("it ends in the middle of a block, so it is not complete: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// within is what a value stands in.
type within int

const (
	inEvent  within = iota // nothing: it is an event
	inItems                // it is the items of one
	inObject               // it is below one, but in no list that holds lists or objects
	inList                 // it is in such a list: what is no number there stays NaN, see tree.keepNaN
)

// avroObject is a record in the order of its schema.
func avroObject(schema *avro.RecordSchema, fields map[string]any, at within) *formats.Object {
	o := &formats.Object{}
	for _, f := range schema.Fields() {
		below := max(at, inObject)
		if at == inEvent && f.Name() == nameItems {
			below = inItems
		}
		v := avroValue(nil, f.Type(), f.Name(), fields[f.Name()], below)
		if at == inEvent && formats.IsNested(f.Name()) && len(v) > 0 && v[0] == '"' {
			v = nestedOf(fields[f.Name()], v)
		}
		if string(v) != "null" {
			o.Add(f.Name(), v)
		}
	}
	return o
}

// nestedOf is a text as the JSON in it.
func nestedOf(v any, text []byte) []byte {
	if union, ok := v.(map[string]any); ok && len(union) == 1 {
		v = union["string"]
	}
	if s, ok := v.(string); ok {
		return formats.AppendNested(nil, s)
	}
	return text
}

// avroValue appends the value of a field of this name.
func avroValue(dst []byte, schema avro.Schema, name string, v any, at within) []byte {
	if ref, ok := schema.(*avro.RefSchema); ok {
		schema = ref.Schema()
	}
	switch s := schema.(type) {
	case *avro.UnionSchema:
		schema, v = unionMember(s, v)
		if _, again := schema.(*avro.UnionSchema); schema != nil && !again {
			return avroValue(dst, schema, name, v, at)
		}
	case *avro.RecordSchema:
		if fields, ok := v.(map[string]any); ok {
			return avroObject(s, fields, max(at, inObject)).Append(dst)
		}
	case *avro.MapSchema:
		if values, ok := v.(map[string]any); ok {
			var o formats.Object
			for _, name := range slices.Sorted(maps.Keys(values)) {
				o.Set(name, avroValue(nil, s.Values(), name, values[name], max(at, inObject)))
			}
			return o.Append(dst)
		}
	case *avro.ArraySchema:
		if list, ok := v.([]any); ok {
			if at != inItems && holdsMore(s.Items()) {
				at = inList
			}
			at = max(at, inObject)
			dst = append(dst, '[')
			for i := range list {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = avroValue(dst, s.Items(), "", list[i], at)
			}
			return append(dst, ']')
		}
	}
	if at == inList {
		switch f := v.(type) {
		case float32:
			return formats.AppendFloatOrNaN(dst, float64(f))
		case float64:
			return formats.AppendFloatOrNaN(dst, f)
		}
	}
	return avroLeaf(dst, schema, name, v)
}

// holdsMore reports whether a value of a schema may be a list or an object.
func holdsMore(schema avro.Schema) bool {
	switch s := schema.(type) {
	case *avro.RefSchema:
		return holdsMore(s.Schema())
	case *avro.UnionSchema:
		return slices.ContainsFunc(s.Types(), holdsMore)
	}
	return slices.Contains([]avro.Type{avro.Array, avro.Map, avro.Record}, schema.Type())
}

// unionMember is what a value of a union is: the library gives it as a map from the
// name of its type.
func unionMember(u *avro.UnionSchema, v any) (avro.Schema, any) {
	var only avro.Schema
	for _, s := range u.Types() {
		if s.Type() == avro.Null {
			continue
		}
		if m, ok := v.(map[string]any); ok && len(m) == 1 {
			if inner, ok := m[typeName(s)]; ok {
				return s, inner
			}
		}
		if only != nil {
			return nil, v
		}
		only = s
	}
	return only, v
}

func typeName(s avro.Schema) string {
	if ref, ok := s.(*avro.RefSchema); ok {
		s = ref.Schema()
	}
	if named, ok := s.(avro.NamedSchema); ok {
		return named.FullName()
	}
	if l, ok := s.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		return string(s.Type()) + "." + string(l.Logical().Type())
	}
	return string(s.Type())
}

// avroLeaf appends a value by its Go type.
func avroLeaf(dst []byte, schema avro.Schema, name string, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int32:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float32:
		return formats.AppendFloatOf(dst, name, float64(v))
	case float64:
		return formats.AppendFloatOf(dst, name, v)
	case string:
		return formats.AppendText(dst, v)
	case []byte:
		return formats.AppendTextOr64(dst, v)
	case time.Time:
		return formats.AppendTime(dst, v.UTC())
	case time.Duration:
		return strconv.AppendInt(dst, int64(v), 10)
	case *big.Rat:
		scale := 0
		if l, ok := schema.(avro.LogicalTypeSchema); ok {
			if d, ok := l.Logical().(*avro.DecimalLogicalSchema); ok {
				scale = d.Scale()
			}
		}
		return append(dst, v.FloatString(scale)...)
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Array && r.Type().Elem().Kind() == reflect.Uint8 {
		return appendFixed(dst, schema, r)
	}
	return formats.AppendText(dst, fmt.Sprint(v))
}

// appendFixed appends bytes of a fixed length, which the library gives as an array. It
// does not know that they may be a UUID.
func appendFixed(dst []byte, schema avro.Schema, array reflect.Value) []byte {
	data := make([]byte, array.Len())
	reflect.Copy(reflect.ValueOf(data), array)
	if s, ok := schema.(*avro.FixedSchema); ok && s.Prop("logicalType") == "uuid" {
		return formats.AppendText(dst, uuidText(data))
	}
	return formats.AppendTextOr64(dst, data)
}
