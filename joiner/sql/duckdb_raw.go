package sql

import (
	"fmt"
	"strings"
	"text/template"
)

// rawDuckDB asks for what is in lines in DuckDB. A value that the query asked for is JSON, or NULL where there is none.
type rawDuckDB struct{ p *Plan }

// Signs of the types that JSON has in DuckDB: a number from 0 to 2^64-1 without point and exponent is a UBIGINT, one
// below 0 a BIGINT, any other one a DOUBLE.
const (
	duckWhole   = "('UBIGINT', 'BIGINT')"
	duckNumbers = "('UBIGINT', 'BIGINT', 'DOUBLE')"
)

func (r rawDuckDB) plain(line string) string {
	return fmt.Sprintf("CASE WHEN bytes <= %d AND regexp_full_match(%s, '%s') AND json_valid(%s) THEN CAST(%s AS JSON) END",
		r.p.Raw.MaxBytes, line, r.p.Raw.Line, line, line)
}

func (r rawDuckDB) fields(object string, paths [][]string) string {
	var pointers []string
	for _, path := range paths {
		pointers = append(pointers, r.p.dialect.text(pointer(path)))
	}
	return "json_extract(" + object + ", [" + strings.Join(pointers, ", ") + "])"
}

func (r rawDuckDB) kind(x string) string {
	return "CASE coalesce(json_type(" + x + "), '') WHEN '' THEN 'absent' WHEN 'VARCHAR' THEN 'text' WHEN 'BOOLEAN' THEN 'bool' " +
		"WHEN 'NULL' THEN 'null' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'list' ELSE 'number' END"
}

func (r rawDuckDB) is(kind, x string) string {
	double := "TRY_CAST(" + x + " AS DOUBLE)"
	switch kind {
	case "null":
		return "(coalesce(json_type(" + x + "), 'NULL') = 'NULL')"
	case "text":
		return "json_type(" + x + ") IN ('VARCHAR', 'UBIGINT')"
	case "string":
		return "json_type(" + x + ") = 'VARCHAR'"
	case "bool":
		return "json_type(" + x + ") = 'BOOLEAN'"
	case "list":
		return "json_type(" + x + ") = 'ARRAY'"
	case "object":
		return "json_type(" + x + ") = 'OBJECT'"
	case "whole":
		return "CASE WHEN json_type(" + x + ") IN " + duckWhole + " THEN TRY_CAST(json_extract_string(" + x +
			", '$') AS BIGINT) IS NOT NULL END"
	case "int64":
		return "CASE WHEN json_type(" + x + ") IN " + duckWhole + " THEN TRY_CAST(json_extract_string(" + x +
			", '$') AS BIGINT) IS NOT NULL " +
			"WHEN json_type(" + x + ") = 'DOUBLE' THEN " + double + " = trunc(" + double + ") AND abs(" + double +
			") < 9007199254740992 END"
	case "finite":
		return "CASE WHEN json_type(" + x + ") = 'DOUBLE' THEN coalesce(isfinite(" + double + "), false) END"
	case "number", "double":
		return "CASE WHEN json_type(" + x + ") IN " + duckWhole + " THEN true WHEN json_type(" + x +
			") = 'DOUBLE' THEN isfinite(" + double + ") END"
	case "float32":
		return "CASE WHEN json_type(" + x + ") IN " + duckNumbers + " THEN abs(" + double + ") <= " + mostSingle + " END"
	}
	return r.isList(strings.TrimSuffix(strings.TrimPrefix(kind, "list<"), ">"), x)
}

// mostSingle is the largest number that is surely no infinity as a float32.
const mostSingle = "3.4028234e38"

// isList reports whether x is a list with elements of a kind.
func (r rawDuckDB) isList(element, x string) string {
	types, fits := duckNumbers, "true"
	switch element {
	case "bool":
		types = "('BOOLEAN')"
	case "string":
		types = "('VARCHAR')"
	case "int64":
		types, fits = duckWhole, "TRY_CAST("+x+" AS BIGINT[]) IS NOT NULL"
	case "double":
		fits = "len(list_filter(TRY_CAST(" + x + " AS DOUBLE[]), lambda e: NOT isfinite(e))) = 0"
	case "float32":
		fits = "len(list_filter(TRY_CAST(" + x + " AS DOUBLE[]), lambda e: abs(e) > " + mostSingle + ")) = 0"
	}
	return "json_type(" + x + ") = 'ARRAY' AND len(list_filter(json_type(" + x + ", '$[*]'), lambda t: t NOT IN " + types +
		" AND t <> 'NULL')) = 0 AND " + fits
}

func (r rawDuckDB) sqlType(kind string) string {
	if element, ok := strings.CutPrefix(kind, "list<"); ok {
		return r.sqlType(strings.TrimSuffix(element, ">")) + "[]"
	}
	switch kind {
	case "bool":
		return "BOOLEAN"
	case "int64", "whole":
		return "BIGINT"
	case "float32":
		return "FLOAT"
	case "string":
		return "VARCHAR"
	}
	return "DOUBLE"
}

func (r rawDuckDB) value(kind, x string) string {
	value := "TRY_CAST(" + x + " AS " + r.sqlType(kind) + ")"
	switch kind {
	case "string":
		value = "json_extract_string(" + x + ", '$')"
	case "float32":
		value = "CAST(TRY_CAST(" + x + " AS DOUBLE) AS FLOAT)"
	case "list<float32>":
		value = "CAST(TRY_CAST(" + x + " AS DOUBLE[]) AS FLOAT[])"
	}
	return "CASE WHEN " + r.is(kind, x) + " THEN " + value + " END"
}

func (r rawDuckDB) text(x string) string {
	return "CASE WHEN " + r.is("text", x) + " THEN json_extract_string(" + x + ", '$') END"
}

func (r rawDuckDB) size(text string) string { return "strlen(" + text + ")" }

func (r rawDuckDB) time(x string, unit int64) string {
	const (
		day     = `(?:18|19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}`
		clock   = `(?:[01][0-9]|2[0-3]):[0-5][0-9]`
		pattern = day + `T` + clock + `:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[-+]` + clock + `)`
	)
	text := "json_extract_string(" + x + ", '$')"
	offset := func(part int) string {
		return fmt.Sprintf(`TRY_CAST(regexp_extract(%s, '([-+])([0-9]{2}):([0-9]{2})$', %d) AS BIGINT)`, text, part)
	}
	return fmt.Sprintf(`CASE
      WHEN json_type(%[1]s) IN ('UBIGINT', 'BIGINT') THEN TRY_CAST(TRY_CAST(%[2]s AS HUGEINT) * %[3]d AS BIGINT)
      WHEN json_type(%[1]s) = 'VARCHAR' AND regexp_full_match(%[2]s, '%[4]s')
      THEN epoch_us(TRY_CAST(concat(left(%[2]s, 10), ' ', substr(%[2]s, 12, 8)) AS TIMESTAMP)) * 1000
        + CAST(rpad(regexp_extract(%[2]s, '\.([0-9]+)', 1), 9, '0') AS BIGINT)
        - coalesce((%[5]s * 60 + %[6]s) * 60000000000, 0)
          * CASE WHEN regexp_matches(%[2]s, '-[0-9]{2}:[0-9]{2}$') THEN -1 ELSE 1 END
    END`, x, text, unit, pattern, offset(2), offset(3))
}

func (r rawDuckDB) nested(x string) string {
	return "json_type(" + x + ") = 'ARRAY' AND list_has_any(json_type(" + x + ", '$[*]'), ['ARRAY', 'OBJECT'])"
}

func (r rawDuckDB) exact(x string) string {
	text := "json_extract_string(" + x + ", '$')"
	return fmt.Sprintf(`CASE json_type(%[1]s) WHEN 'VARCHAR' THEN 't:' || %[2]s WHEN 'BOOLEAN' THEN 'b:' || %[2]s
      WHEN 'ARRAY' THEN 'l:' WHEN 'OBJECT' THEN 'o:' WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN 'n:' || %[2]s
      ELSE CASE WHEN TRY_CAST(%[2]s AS BIGINT) BETWEEN -9007199254740991 AND 9007199254740991 THEN 'w:' || %[2]s
        WHEN TRY_CAST(%[2]s AS BIGINT) IS NOT NULL THEN 'h:' || %[2]s ELSE 'n:' || %[2]s END END`, x, text)
}

func (r rawDuckDB) holdsObject(x string) string {
	return "list_contains(json_type(" + x + ", '$.*'), 'OBJECT')"
}

func (r rawDuckDB) otherName(x, condition string) string {
	return "len(list_filter(json_keys(" + x + "), lambda k: NOT (" + condition + "))) > 0"
}

func (r rawDuckDB) printable(most int) string {
	return fmt.Sprintf("regexp_full_match(k, '[ -~]{1,%d}')", most)
}

func (r rawDuckDB) more() template.FuncMap {
	id := func(item string) string { return "json_extract_string(" + item + ", '/item_id')" }
	return template.FuncMap{
		"inline":     func() string { return "AS NOT MATERIALIZED" },
		"once":       func() string { return "AS MATERIALIZED" },
		"notInlined": func() string { return "" },
		"allBut":     func(columns string) string { return "* EXCLUDE (" + columns + ")" },
		"raise":      func() string { return "error" },
		"trimmed":    func(line string) string { return `trim(CAST(` + line + ` AS VARCHAR), E' \t\r\n')` },
		"hash":       func(line string) string { return "sha256(" + line + ")" },
		"timestamp": func(ts string) string {
			return fmt.Sprintf("make_timestamptz((%[1]s - ((%[1]s %% 1000) + 1000) %% 1000) // 1000)", ts)
		},
		"without": func() string { return "and without -0" },
		"sameMembers": func(event string) string {
			return `
      WHEN len(list_filter(list_transform(list_filter(list_prepend(` + event + `, json_extract(` + event + `, '$..*')),
        lambda x: starts_with(CAST(x AS VARCHAR), '{')), lambda x: json_keys(x)),
        lambda k: len(k) <> list_unique(k))) > 0
      THEN 'an object has two members of one name'`
		},
		"members":  func(object string) string { return "len(json_keys(" + object + "))" },
		"isObject": func(x string) string { return "coalesce(" + r.is("object", x) + ", false)" },
		"elements": func(x string) string {
			return "CASE WHEN json_type(" + x + ") = 'ARRAY' THEN json_extract(" + x + ", '$[*]') END"
		},
		"sameItems": func(items string) string {
			return fmt.Sprintf(`len(list_filter(%[1]s, lambda i: %[2]s IS NULL)) > 0
        OR len(list_distinct(list_transform(%[1]s, lambda i: %[2]s))) <> len(%[1]s)
     `, items, id("i"))
		},
		"itemIDs": func(items string) string { return "list_transform(" + items + ", lambda i: " + id("i") + ")" },
		"unnest": func(items string) string {
			return fmt.Sprintf(`unnest(CASE WHEN len(%[1]s) > 0 THEN %[1]s ELSE [NULL] END) AS item,
    unnest(CASE WHEN len(%[1]s) > 0 THEN range(len(%[1]s)) ELSE [NULL] END) AS ix`, items)
		},
	}
}
