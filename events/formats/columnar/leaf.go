package columnar

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats"
)

// leafOf is how the values of a column become JSON. A time is RFC 3339 to the
// nanosecond, so that the unit of the column needs no declaration; a float32 is the
// float64 that is equal to it.
func leafOf(node parquet.Node, name string) func([]byte, parquet.Value) []byte {
	kind := node.Type().Kind()
	if l := node.Type().LogicalType(); l != nil {
		if f := logicalLeaf(l.Value, kind); f != nil {
			return f
		}
	}
	switch kind {
	case parquet.Boolean:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendBool(dst, v.Boolean()) }
	case parquet.Int32:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, int64(v.Int32()), 10) }
	case parquet.Int64:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, v.Int64(), 10) }
	case parquet.Int96:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendTime(dst, int96Time(v)) }
	case parquet.Float:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendFloatOf(dst, name, float64(v.Float())) }
	case parquet.Double:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendFloatOf(dst, name, v.Double()) }
	}
	nested := formats.IsNested(name)
	return func(dst []byte, v parquet.Value) []byte { return appendBytes(dst, v.ByteArray(), nested) }
}

// logicalLeaf knows the logical types that say more than the physical ones.
func logicalLeaf(l format.LogicalTypeValue, kind parquet.Kind) func([]byte, parquet.Value) []byte {
	switch l := l.(type) {
	case *format.JsonType:
		return func(dst []byte, v parquet.Value) []byte { return appendBytes(dst, v.ByteArray(), true) }
	case *format.TimestampType:
		per := nanosPer(&l.Unit)
		return func(dst []byte, v parquet.Value) []byte {
			n := v.Int64()
			second := int64(time.Second) / per
			return formats.AppendTime(dst, time.Unix(n/second, n%second*per).UTC())
		}
	case *format.DateType:
		return func(dst []byte, v parquet.Value) []byte {
			return formats.AppendTime(dst, time.Unix(int64(v.Int32())*86400, 0).UTC())
		}
	case *format.IntType:
		if !l.IsSigned && kind == parquet.Int64 {
			return func(dst []byte, v parquet.Value) []byte { return strconv.AppendUint(dst, v.Uint64(), 10) }
		}
		if !l.IsSigned {
			return func(dst []byte, v parquet.Value) []byte { return strconv.AppendUint(dst, uint64(v.Uint32()), 10) }
		}
	case *format.DecimalType:
		return func(dst []byte, v parquet.Value) []byte { return appendDecimal(dst, unscaled(v, kind), int(l.Scale)) }
	case *format.UUIDType:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendText(dst, uuidText(v.ByteArray())) }
	}
	return nil
}

func nanosPer(unit *format.TimeUnit) int64 {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return int64(time.Millisecond)
	case *format.MicroSeconds:
		return int64(time.Microsecond)
	}
	return 1
}

// int96Time reads the time of day in nanoseconds and the Julian day, as Spark and Hive
// wrote times for long.
func int96Time(v parquet.Value) time.Time {
	const epoch = 2440588 // the Julian day of 1970-01-01
	words := v.Int96()
	nanos := int64(words[0]) | int64(words[1])<<32
	return time.Unix((int64(words[2])-epoch)*86400, 0).Add(time.Duration(nanos)).UTC()
}

// unscaled is the whole number of a decimal.
func unscaled(v parquet.Value, kind parquet.Kind) *big.Int {
	switch kind {
	case parquet.Int32:
		return big.NewInt(int64(v.Int32()))
	case parquet.Int64:
		return big.NewInt(v.Int64())
	}
	return twosComplement(v.ByteArray())
}

// twosComplement is a big-endian number whose first bit is its sign.
func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// appendDecimal appends a number with scale digits after the point.
func appendDecimal(dst []byte, n *big.Int, scale int) []byte {
	digits, negative := strings.CutPrefix(n.String(), "-")
	if negative {
		dst = append(dst, '-')
	}
	if scale > 0 && scale < 100 {
		digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	return append(dst, digits...)
}

func uuidText(b []byte) string {
	if len(b) != 16 {
		return hex.EncodeToString(b)
	}
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// appendBytes appends a text, or JSON that is meant as such. What is no text is base64.
func appendBytes(dst, b []byte, nested bool) []byte {
	if nested {
		return formats.AppendNested(dst, string(b))
	}
	return formats.AppendTextOr64(dst, b)
}
