package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with a unit: 64KiB, 128MiB, 10MB.
type Size int64

type sizeUnit struct {
	name  string
	bytes int64
}

// sizeUnits lists the units; binary ones first, from the largest down, because
// that is the order in which String tries them.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
		{"B", 1}, // last: it ends all the others' names
	}
}

// MarshalText writes what ParseSize reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseSize reads.
func (s *Size) UnmarshalText(text []byte) error { return s.parse(string(text)) }

// parse implements parser.
func (s *Size) parse(text string) error {
	parsed, err := ParseSize(text)
	if err == nil {
		*s = parsed
	}
	return err
}

// String writes the size in the largest binary unit that says it exactly.
func (s Size) String() string {
	for _, unit := range sizeUnits()[:4] {
		if s != 0 && int64(s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// ParseSize reads a size; it may have a fraction, and is rounded down to bytes.
func ParseSize(text string) (Size, error) {
	for _, unit := range sizeUnits() {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		number = strings.TrimRight(number, " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			if product := n * unit.bytes; product/unit.bytes == n {
				return Size(product), nil
			}
		}
		x, err := strconv.ParseFloat(number, 64)
		if x *= float64(unit.bytes); err == nil && math.Abs(x) < math.MaxInt64 {
			return Size(x), nil
		}
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit: write %sB, %sKiB or %sMiB", text, text, text, text)
	}
	return 0, fmt.Errorf("%q is not a size: write a number with a unit, like 64KiB, 128MiB or 1GiB", text)
}
