package columnar

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/labeljoin/labeljoin/events/formats"
)

// leafOf is how the values of a column that are no floats become JSON. A time is RFC 3339 to the
// nanosecond, so that the unit of the column needs no declaration.
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
	}
	switch nested := formats.IsNested(name); {
	case nested:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendNested(dst, string(v.ByteArray())) }
	case isText(node):
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendText(dst, v.ByteArray()) }
	}
	return func(dst []byte, v parquet.Value) []byte { return formats.AppendTextOr64(dst, v.ByteArray()) }
}

// floatOf is how the values of a column become float64; nil if they are no floats. A float32 is the float64 that is
// equal to it.
func floatOf(node parquet.Node) func(parquet.Value) float64 {
	switch node.Type().Kind() {
	case parquet.Float:
		return func(v parquet.Value) float64 { return float64(v.Float()) }
	case parquet.Double:
		return parquet.Value.Double
	}
	return nil
}

// isText reports whether a column says that its bytes are UTF-8. A value that is not is for the decoder to judge. Bytes
// of a column that does not say so are a text if they can be, and base64 if not.
func isText(node parquet.Node) bool {
	l := node.Type().LogicalType()
	if l == nil {
		return false
	}
	switch l.Value.(type) {
	case *format.StringType, *format.EnumType:
		return true
	}
	return false
}

// logicalLeaf knows the logical types that say more than the physical ones.
func logicalLeaf(l format.LogicalTypeValue, kind parquet.Kind) func([]byte, parquet.Value) []byte {
	switch l := l.(type) {
	case *format.JsonType:
		return func(dst []byte, v parquet.Value) []byte { return formats.AppendNested(dst, string(v.ByteArray())) }
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

// float16 is the number of two bytes (IEEE 754): a sign, five bits of exponent and ten of fraction.
func float16(v parquet.Value) float64 {
	b := v.ByteArray()
	if len(b) != 2 {
		return math.NaN() // the file is damaged
	}
	bits := binary.LittleEndian.Uint16(b)
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction > 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 == 1 {
		f = -f
	}
	return f
}
