package sql

import (
	"fmt"
	"strings"
	"text/template"
)

// rawSpark asks for what is in lines in Spark. A value that the query asked for is a struct: v, a VARIANT, and k, its
// type as schema_of_variant names it; both are NULL where there is none.
type rawSpark struct{ p *Plan }

func (r rawSpark) plain(line string) string {
	return fmt.Sprintf("CASE WHEN bytes <= %d AND is_valid_utf8(%s) AND %s RLIKE %s THEN try_parse_json(%s) END",
		r.p.Raw.MaxBytes, line, line, r.p.dialect.text(r.p.Raw.Line), line)
}

func (r rawSpark) fields(object string, paths [][]string) string {
	var values []string
	for _, path := range paths {
		v := fmt.Sprintf("try_variant_get(%s, '$.%s', 'variant')", object, path[0])
		for _, name := range path[1:] {
			v = "try_element_at(" + sparkMap(v) + ", " + r.p.dialect.text(name) + ")"
		}
		values = append(values, fmt.Sprintf("struct(schema_of_variant(%s) AS k, %s AS v)", v, v))
	}
	return "array(" + strings.Join(values, ",\n    ") + ")"
}

// sparkMap is a VARIANT as its members; NULL where it is no object.
func sparkMap(v string) string { return sparkGet(v, "map<string, variant>") }

// sparkGet is a VARIANT as a value of a type; NULL where it cannot be.
func sparkGet(v, as string) string { return "try_variant_get(" + v + ", '$', '" + as + "')" }

func (r rawSpark) kind(x string) string {
	return "CASE WHEN " + x + ".k IS NULL THEN 'absent' WHEN " + x + ".k = 'STRING' THEN 'text' WHEN " + x +
		".k = 'BOOLEAN' THEN 'bool' WHEN " + x + ".k = 'VOID' THEN 'null' WHEN " + r.is("object", x) +
		" THEN 'object' WHEN " + r.is("list", x) + " THEN 'list' ELSE 'number' END"
}

// A number without point and exponent within 64 bits is a BIGINT. One with an exponent, or with more than 38 digits, is
// a DOUBLE, and any other one a DECIMAL of its digits, so that 7.0 is none of the former.
func (r rawSpark) is(kind, x string) string {
	double := "CASE WHEN " + x + ".k NOT IN ('STRING', 'BOOLEAN') THEN " + sparkGet(x+".v", "double") + " END"
	switch kind {
	case "null":
		return "(coalesce(" + x + ".k, 'VOID') = 'VOID')"
	case "text":
		return "(" + x + ".k = 'STRING' OR " + x + ".k = 'BIGINT' AND " + sparkGet(x+".v", "bigint") + " >= 0)"
	case "string":
		return x + ".k = 'STRING'"
	case "bool":
		return x + ".k = 'BOOLEAN'"
	case "list":
		return x + ".k LIKE 'ARRAY<%'"
	case "object":
		return x + ".k LIKE 'OBJECT<%'"
	case "whole":
		return x + ".k = 'BIGINT'"
	case "int64":
		return "(" + x + ".k = 'BIGINT' OR " + double + " % 1 = 0 AND abs(" + double + ") < 9007199254740992)"
	case "finite", "number", "double":
		return "(abs(" + double + ") < double('Infinity'))"
	case "float32":
		return "(abs(" + double + ") <= " + mostSingle + "D)"
	}
	return r.isList(strings.TrimSuffix(strings.TrimPrefix(kind, "list<"), ">"), x)
}

// isList reports whether x is a list with elements of a kind. The type of a list is one that all elements are of, or
// that all its numbers have room in. null is of any type.
func (r rawSpark) isList(element, x string) string {
	numbers := "(" + x + ".k IN ('ARRAY<VOID>', 'ARRAY<BIGINT>', 'ARRAY<DOUBLE>') OR " + x + ".k LIKE 'ARRAY<DECIMAL(%')"
	none := func(condition string) string {
		return "CASE WHEN " + numbers + " THEN size(filter(" + sparkGet(x+".v", "array<double>") + ", e -> " + condition +
			")) = 0 END"
	}
	switch element {
	case "bool":
		return x + ".k IN ('ARRAY<VOID>', 'ARRAY<BOOLEAN>')"
	case "string":
		return x + ".k IN ('ARRAY<VOID>', 'ARRAY<STRING>')"
	case "int64":
		return x + ".k IN ('ARRAY<VOID>', 'ARRAY<BIGINT>')"
	case "float32":
		return none("abs(e) > " + mostSingle + "D")
	}
	return none("abs(e) = double('Infinity')")
}

func (r rawSpark) sqlType(kind string) string {
	if element, ok := strings.CutPrefix(kind, "list<"); ok {
		return "ARRAY<" + r.sqlType(strings.TrimSuffix(element, ">")) + ">"
	}
	switch kind {
	case "bool":
		return "BOOLEAN"
	case "int64", "whole":
		return "BIGINT"
	case "float32":
		return "FLOAT"
	case "string":
		return "STRING"
	}
	return "DOUBLE"
}

// value has all numbers with a point or an exponent by way of a double: a DECIMAL may have digits that this has not.
func (r rawSpark) value(kind, x string) string {
	value := sparkGet(x+".v", r.sqlType(kind))
	switch double := sparkGet(x+".v", "double"); kind {
	case "int64":
		value = "CASE WHEN " + x + ".k = 'BIGINT' THEN " + value + " ELSE CAST(" + double + " AS BIGINT) END"
	case "float32":
		value = "CAST(" + double + " AS FLOAT)"
	case "list<float32>":
		value = "CAST(" + sparkGet(x+".v", "array<double>") + " AS ARRAY<FLOAT>)"
	}
	return "CASE WHEN " + r.is(kind, x) + " THEN " + value + " END"
}

func (r rawSpark) text(x string) string {
	return "CASE WHEN " + r.is("text", x) + " THEN " + sparkGet(x+".v", "string") + " END"
}

func (r rawSpark) size(text string) string { return "octet_length(" + text + ")" }

func (r rawSpark) time(x string, unit int64) string {
	const (
		day     = `(?:18|19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}`
		clock   = `(?:[01][0-9]|2[0-3]):[0-5][0-9]`
		pattern = day + `T` + clock + `:[0-5][0-9](?:[.][0-9]{1,9})?(?:Z|[-+]` + clock + `)`
	)
	text := sparkGet(x+".v", "string")
	digits := func(at, n int) string { return fmt.Sprintf("try_cast(substr(%s, %d, %d) AS BIGINT)", text, at, n) }
	return fmt.Sprintf(`CASE
      WHEN %[1]s.k = 'BIGINT' THEN try_multiply(%[2]s, %[3]dL)
      WHEN %[1]s.k = 'STRING' AND regexp_extract(%[4]s, '%[5]s', 0) = %[4]s
      THEN (datediff(try_cast(left(%[4]s, 10) AS DATE), DATE'1970-01-01') * 86400L + %[6]s * 3600 + %[7]s * 60 + %[8]s)
        * 1000000000
        + try_cast(rpad(regexp_extract(%[4]s, '[.]([0-9]+)', 1), 9, '0') AS BIGINT)
        - CASE right(%[4]s, 1) WHEN 'Z' THEN 0 ELSE (%[9]s * 60 + %[10]s) * 60000000000 END
          * CASE substr(%[4]s, -6, 1) WHEN '-' THEN -1 ELSE 1 END
    END`, x, sparkGet(x+".v", "bigint"), unit, text, pattern, digits(12, 2), digits(15, 2), digits(18, 2),
		digits(-5, 2), digits(-2, 2))
}

func (r rawSpark) nested(x string) string {
	return x + ".k LIKE 'ARRAY<%' AND exists(" + sparkGet(x+".v", "array<variant>") +
		", e -> schema_of_variant(e) LIKE 'ARRAY<%' OR schema_of_variant(e) LIKE 'OBJECT<%')"
}

func (r rawSpark) exact(x string) string {
	text, whole := sparkGet(x+".v", "string"), sparkGet(x+".v", "bigint")
	return fmt.Sprintf(`CASE WHEN %[1]s.k = 'STRING' THEN 't:' || %[2]s WHEN %[1]s.k = 'BOOLEAN' THEN 'b:' || %[2]s
      WHEN %[3]s THEN 'l:' WHEN %[4]s THEN 'o:' WHEN %[1]s.k = 'VOID' THEN NULL
      WHEN %[1]s.k = 'BIGINT' AND %[5]s BETWEEN -9007199254740991 AND 9007199254740991 THEN 'w:' || %[2]s
      WHEN %[1]s.k = 'BIGINT' THEN 'h:' || %[2]s
      ELSE 'n:' || CAST(%[6]s AS STRING) END`, x, text, r.is("list", x), r.is("object", x), whole,
		sparkGet(x+".v", "double"))
}

func (r rawSpark) holdsObject(x string) string {
	return "exists(map_values(" + sparkMap(x+".v") + "), v -> schema_of_variant(v) LIKE 'OBJECT<%')"
}

func (r rawSpark) otherName(x, condition string) string {
	return "exists(map_keys(" + sparkMap(x+".v") + "), k -> NOT (" + condition + "))"
}

func (r rawSpark) printable(most int) string {
	return fmt.Sprintf("length(k) BETWEEN 1 AND %d AND NOT k RLIKE '[^ -~]'", most)
}

func (r rawSpark) more() template.FuncMap {
	const id = "try_variant_get(i, '$.item_id', 'string')"
	return template.FuncMap{
		"inline": func() string { return "AS" },
		"once":   func() string { return "AS" },
		// Spark calculates anew, at each place that reads it, what would be the same again. With this it is not sure.
		"notInlined": func() string { return "\n  WHERE spark_partition_id() >= 0" },
		"allBut":     func(columns string) string { return "* EXCEPT (" + columns + ")" },
		"raise":      func() string { return "raise_error" },
		"trimmed": func(line string) string {
			return "trim(BOTH " + r.p.dialect.text(" \t\r\n") + " FROM CAST(" + line + " AS STRING))"
		},
		"hash": func(line string) string { return "sha2(" + line + ", 256)" },
		"timestamp": func(ts string) string {
			return fmt.Sprintf("timestamp_micros((%[1]s - pmod(%[1]s, 1000)) div 1000)", ts)
		},
		"without": func() string { return "without -0 and -0.0, and without two members of one name" },
		"sameMembers": func(string) string {
			return `
      WHEN try_parse_json('{"a":1,"a":2}') IS NOT NULL
      THEN 'it may have two members of one name: set spark.sql.variant.allowDuplicateKeys to false'`
		},
		"members":  func(object string) string { return "size(" + sparkMap(object) + ")" },
		"isObject": func(v string) string { return "coalesce(schema_of_variant(" + v + ") LIKE 'OBJECT<%', false)" },
		"elements": func(x string) string { return sparkGet(x+".v", "array<variant>") },
		"sameItems": func(items string) string {
			return fmt.Sprintf("exists(%[1]s, i -> %[2]s IS NULL) OR size(array_distinct(transform(%[1]s, i -> %[2]s))) <> size(%[1]s)",
				items, id)
		},
		"itemIDs": func(items string) string { return "transform(" + items + ", i -> " + id + ")" },
		"unnest":  func(items string) string { return "posexplode_outer(" + items + ") AS (ix, item)" },
	}
}
