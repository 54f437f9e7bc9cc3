package joiner

import (
	"slices"
	"strings"
)

// FieldCount counts the events with a field that nothing here knows.
type FieldCount struct {
	Name  string
	Count int64
}

// Fields are fields that nothing here knows, by name, in the order in which they were met. What
// is remembered is bounded, whatever events bring.
type Fields struct {
	Named []FieldCount
	Other int64 // of which no name is kept
}

const (
	mostFields = 64
	mostName   = 64 // bytes
)

// Add counts events with a field, and reports whether its name is new.
func (f *Fields) Add(name string, n int64) (isNew bool) {
	name = ShortName(name)
	at := slices.IndexFunc(f.Named, func(c FieldCount) bool { return c.Name == name })
	switch {
	case at < 0 && len(f.Named) == mostFields:
		f.Other += n
		return false
	case at < 0:
		f.Named = append(f.Named, FieldCount{Name: strings.Clone(name), Count: n})
		return true
	}
	f.Named[at].Count += n
	return false
}

// AddAll counts the fields of an event, of which there are so many and only some are named.
func (f *Fields) AddAll(all int, names []string) {
	for _, name := range names {
		f.Add(name, 1)
	}
	f.Other += int64(all - len(names))
}

// Plus adds what others counted.
func (f *Fields) Plus(of *Fields) {
	for _, c := range of.Named {
		f.Add(c.Name, c.Count)
	}
	f.Other += of.Other
}

// ShortName is the beginning of a name that events brought.
func ShortName(name string) string {
	if len(name) <= mostName {
		return name
	}
	return strings.ToValidUTF8(name[:mostName], "") + "..."
}
