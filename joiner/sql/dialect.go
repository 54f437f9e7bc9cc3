package sql

import (
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dialect is the SQL of one engine.
type Dialect uint8

// The dialects.
const (
	DialectDuckDB Dialect = iota // 1.3 or newer
	DialectSpark                 // 4.0 or newer, and Databricks
)

// Dialects lists the names of the dialects.
func Dialects() []string { return []string{"duckdb", "spark"} }

// ParseDialect reads the name of a dialect.
func ParseDialect(name string) (Dialect, error) {
	switch name {
	case "duckdb":
		return DialectDuckDB, nil
	case "spark":
		return DialectSpark, nil
	}
	return 0, fmt.Errorf("unknown dialect %q: there are %s", name, strings.Join(Dialects(), " and "))
}

// String is the engine's name.
func (d Dialect) String() string {
	if d == DialectSpark {
		return "Spark"
	}
	return "DuckDB"
}

// name is an identifier. It is always quoted, so that no word is reserved.
func (d Dialect) name(s string) string {
	if d == DialectSpark {
		return "`" + strings.ReplaceAll(s, "`", "``") + "`"
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// inner is the identifier of something that a query calculates on the way for a label or a column of one. The
// colon is in no name of a configuration, so it is none of these, whatever they are called.
func (d Dialect) inner(what, of string) string { return d.name(what + ":" + of) }

// text is a text literal. What has more than plain printable characters is written as its
// bytes: how quotes, backslashes and ${} are read depends on an engine's settings.
func (d Dialect) text(s string) string {
	if isPlain(s) {
		return "'" + s + "'"
	}
	if d == DialectSpark {
		return "CAST(X'" + hex.EncodeToString([]byte(s)) + "' AS STRING)"
	}
	return "decode('" + blob(s) + "'::BLOB)"
}

// blob is bytes as DuckDB writes them in a text that becomes a BLOB.
func blob(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\x%02X`, s[i])
	}
	return b.String()
}

func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || strings.ContainsRune(`'\$`, r)
	})
}

// number is a literal of a double.
func (d Dialect) number(x float64) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if len(text) > 15 {
		text = strconv.FormatFloat(x, 'e', -1, 64)
	}
	if d == DialectSpark {
		return text + "D"
	}
	if !strings.Contains(text, "e") {
		text += "e0" // what has no exponent is a decimal
	}
	return text
}

func (d Dialect) nullText() string {
	if d == DialectSpark {
		return "CAST(NULL AS STRING)"
	}
	return "CAST(NULL AS VARCHAR)"
}

// search is an operator that looks for a text in another one.
func (d Dialect) search(operator, a, b string) string {
	function := operator // as Spark calls it, but for the case
	if d == DialectDuckDB {
		function = strings.NewReplacer("startsWith", "starts_with", "endsWith", "ends_with").Replace(operator)
	}
	return strings.ToLower(function) + "(" + a + ", " + b + ")"
}

// withoutNaN is a number in which NULL stands for NaN: engines hold NaN equal to itself,
// and the join does not.
func (d Dialect) withoutNaN(x string) string {
	if d == DialectSpark {
		return "nullif(" + x + ", double('NaN'))"
	}
	return "nullif(" + x + ", 'nan'::DOUBLE)"
}

// stop ends the query with an error, where it is evaluated.
func (d Dialect) stop(what string) string {
	function := "error"
	if d == DialectSpark {
		function = "raise_error"
	}
	return function + "(" + d.text(what+": use labeljoin replay") + ")"
}

// comment is a text as it may stand behind --, on one line. Spark joins a line that ends
// with a backslash to the next one, and replaces variables everywhere.
func comment(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$ {"), `\`, `\ `)
}

// Archive names the tables of an archive, as they stand behind FROM. The directory may be a
// pattern with *, which stands for several archives.
func (d Dialect) Archive(dir string) (requests, outcomes string) {
	if d == DialectSpark {
		quoted := func(name string) string {
			return "parquet." + d.name(path.Join(dir, name)) + " WITH (mergeSchema = true)"
		}
		return quoted("requests"), quoted("outcomes")
	}
	read := func(name, more string) string {
		return "read_parquet('" + strings.ReplaceAll(path.Join(dir, name, "*.parquet"), "'", "''") + "'" + more + ")"
	}
	return read("requests", ", union_by_name = true"), read("outcomes", "")
}

// Table is the name of a table or view, quoted: a part before each dot is that of a schema
// or catalog.
func (d Dialect) Table(name string) (string, error) {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if part == "" || !isPlain(part) || strings.ContainsAny(part, "\"`") {
			return "", fmt.Errorf("%q is no name of a table: write it without quotes, like labels or schema.labels", name)
		}
		parts[i] = d.name(part)
	}
	return strings.Join(parts, "."), nil
}
