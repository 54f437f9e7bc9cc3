package events

import "strings"

// ColumnKey is equal for two names of columns that DuckDB takes for one: it compares them without
// case, and reads the wrong column where two are equal. Every comparison of names of columns,
// features and labels goes by this key: each letter as it is written small. DuckDB does so with the
// letters A to Z alone, so the key may be equal where DuckDB tells two names apart, as the Kelvin
// sign from k, and never the other way round. The long s is another letter than s for both.
func ColumnKey(name string) string { return strings.ToLower(name) }

// SameColumn reports whether two names have one ColumnKey.
func SameColumn(a, b string) bool { return a == b || ColumnKey(a) == ColumnKey(b) }
