package rowfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/labeljoin/labeljoin/export/colfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Feature declares a feature's column.
type Feature struct {
	Name string // of the column; an item feature's starts with item_
	Type string // see ParseType
}

// Config says which columns the files have besides the undeclared features.
type Config struct {
	Labels   []joiner.Label // only names and aggregates are used
	Weight   bool           // whether rows have a weight
	Features []Feature
	// Rename maps features to the columns they are to have. The key is
	// "features.NAME" for a feature of the request, "items.NAME" for one of
	// the items, or simply the name of the column it would have had. An empty
	// value leaves the feature out.
	Rename map[string]string
}

// Layout is a checked Config.
type Layout struct {
	labels   []joiner.Label
	weight   bool
	declared []declared
	rename   map[string]string
	reserved map[string]string // column -> what it holds
	// codec is one for all files: it keeps its encoders, which are large.
	codec       *zstd.Codec
	memory      sync.Pool // of memory
	encoding    colfile.Memory
	groupRows   int
	maxFeatures int
}

type declared struct {
	name string
	typ  Type
}

// itemPrefix sets the columns of item features apart from the request's.
const itemPrefix = "item_"

// NewLayout checks c.
func NewLayout(c Config) (*Layout, error) {
	l := &Layout{labels: c.Labels, weight: c.Weight, rename: c.Rename, reserved: map[string]string{},
		groupRows: rowGroupRows, maxFeatures: maxFeatures}
	// The fastest level costs a tenth more bytes than the default one and saves
	// a fifth of the time that writing takes.
	l.codec = &zstd.Codec{Level: zstd.SpeedFastest}
	for _, name := range [...]string{
		"request_id", "request_ts", "model", "model_version", "user_id", "item_id", "position", "score",
		"weight", "revision", "reason",
	} {
		l.reserved[name] = fmt.Sprintf("labeljoin's own column %q", name)
	}
	l.reserved["dt"] = `the partition column "dt"`
	for _, label := range c.Labels {
		for _, name := range [...]string{label.Name, label.Name + "_ts"} {
			what := fmt.Sprintf("the column %q of label %q", name, label.Name)
			if other, taken := l.reserved[name]; taken {
				return nil, &LabelClashError{Label: label.Name, Column: name, Other: other}
			}
			l.reserved[name] = what
		}
	}
	for from, to := range c.Rename {
		if what, taken := l.reserved[to]; taken {
			return nil, &ColumnClashError{Column: to, First: what, Second: fmt.Sprintf("the renamed feature %q", from), Key: from}
		}
	}
	return l, l.declare(c.Features)
}

func (l *Layout) declare(features []Feature) error {
	seen := map[string]bool{}
	for _, f := range features {
		t, err := ParseType(f.Type)
		switch {
		case err != nil:
			return fmt.Errorf("declared feature %q: %w", f.Name, err)
		case seen[f.Name]:
			return fmt.Errorf("feature %q is declared twice", f.Name)
		case f.Name != columnName(f.Name):
			return fmt.Errorf("declared feature %q: the column's name would be %q; declare that", f.Name, columnName(f.Name))
		}
		if what, taken := l.reserved[f.Name]; taken {
			return &ColumnClashError{Column: f.Name, First: what, Second: fmt.Sprintf("the declared feature %q", f.Name), Key: f.Name}
		}
		seen[f.Name] = true
		l.declared = append(l.declared, declared{name: f.Name, typ: t})
	}
	return nil
}

// column is the name of the column a feature goes to; empty: it is left out.
func (l *Layout) column(s source) string {
	qualified, plain := "features."+s.name, s.name
	if s.item {
		qualified, plain = "items."+s.name, itemPrefix+s.name
	}
	if to, ok := l.rename[qualified]; ok {
		return to
	}
	plain = columnName(plain)
	if to, ok := l.rename[plain]; ok {
		return to
	}
	return plain
}

// maxName bounds a column's name in bytes. Names come from the keys of events,
// and every file repeats them several times.
const maxName = 255

// columnName makes a column's name of a feature's: readers choke on empty names
// and control characters, and footers on names of a megabyte.
func columnName(feature string) string {
	if feature == "" {
		return "_"
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, feature)
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(feature))
	suffix := "_" + hex.EncodeToString(sum[:8])
	cut := maxName - len(suffix)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + suffix
}

// String names the source in errors.
func (s source) String() string {
	if s.item {
		return fmt.Sprintf("the item feature %q", s.name)
	}
	return fmt.Sprintf("the feature %q", s.name)
}

// key is how Config.Rename names the source.
func (s source) key() string {
	if s.item {
		return "items." + s.name
	}
	return "features." + s.name
}
