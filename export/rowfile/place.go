package rowfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labeljoin/labeljoin/events"
)

// itemPrefix begins the columns of item features, and of nothing else unless
// Config.Rename says so.
const itemPrefix = "item_"

// otherPrefix begins the column of a feature whose own name is taken.
const otherPrefix = "feature_"

// source is a feature of the request or of the item.
type source struct {
	item bool
	name string
}

// place is the column that a feature has. It is a function of the feature's name
// and the configuration alone: neither the order of events nor the other rows of
// a file have a say.
type place struct {
	column string // empty: the feature is left out
	other  bool   // the column that the feature's name asks for is taken
}

// place finds the column of a feature. Names are compared without case, because
// readers like DuckDB and Spark do so.
func (l *Layout) place(s source) place {
	if to, ok := l.rename[s.key()]; ok {
		return place{column: to}
	}
	own := s.own()
	if to, ok := l.rename[own]; ok {
		return place{column: to}
	}
	if !l.taken(s.item, events.ColumnKey(own)) {
		return place{column: own}
	}
	free := func(name string) bool { _, reserved := l.reserved[events.ColumnKey(name)]; return !reserved }
	column, _ := s.another(2, free)
	return place{column: column, other: true}
}

// Undecided is the column of a feature of the request or of an item, in lower case. It is
// empty if the type of the column is declared, or if the feature has no column.
func (l *Layout) Undecided(item bool, name string) (column string) {
	column = events.ColumnKey(l.place(source{item: item, name: name}).column)
	if l.mode != ModeEvolve || l.typed[column] {
		return ""
	}
	return column
}

// taken reports whether a name, in lower case, is not a feature's to have:
// because it is reserved, because item_ begins the columns of item features, or
// because another feature has it whose own name is taken.
func (l *Layout) taken(item bool, own string) bool {
	for {
		if _, reserved := l.reserved[own]; reserved || !item && strings.HasPrefix(own, itemPrefix) {
			return true
		}
		prefix := ""
		if item {
			prefix = itemPrefix
		}
		rest, ok := strings.CutPrefix(own, prefix+otherPrefix)
		if !ok {
			return false
		}
		own = prefix + rest
	}
}

// own is the column that the feature's name asks for.
func (s source) own() string {
	if s.item {
		return columnName(itemPrefix + s.name)
	}
	return columnName(s.name)
}

// another is the first free name of feature_NAME, feature_NAME_2 and so on, or
// item_feature_NAME. The number to go on with is counted from 2.
func (s source) another(number int, free func(string) bool) (column string, next int) {
	base := otherPrefix + s.name
	if s.item {
		base = itemPrefix + base
	}
	if number == 2 && free(columnName(base)) {
		return columnName(base), number
	}
	for ; ; number++ {
		if name := columnName(fmt.Sprint(base, "_", number)); free(name) {
			return name, number + 1
		}
	}
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
		if unicode.IsControl(r) || r == utf8.RuneError {
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

// key is how Config.Rename names the source.
func (s source) key() string {
	if s.item {
		return "items." + s.name
	}
	return "features." + s.name
}
