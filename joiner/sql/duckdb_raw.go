package sql

import (
	"fmt"
	"strings"
	"text/template"
)

// rawDuckDB are the functions of the template that reads lines of JSON in DuckDB. Their arguments are SQL: x is a
// value as JSON, or NULL where there is none.
func rawDuckDB(p *Plan) template.FuncMap {
	return template.FuncMap{
		"plainEvent": func() string {
			return fmt.Sprintf(`CASE WHEN bytes <= %d AND regexp_full_match(line, '%s')
    AND json_valid(line) THEN CAST(line AS JSON) END`, p.Raw.MaxBytes, p.Raw.Line)
		},
		"plainStart":    p.Raw.duckStart,
		"plainFeatures": duckFeatures,
		"given":         duckGiven,
		"maybe":         duckMaybe,
		"id":            p.Raw.duckID,
		"text":          duckText,
		"time":          duckTime,
		"value":         duckValue,
		"fits":          duckFits,
		"featureFits":   duckFeatureFits,
		"exact":         duckExact,
		"sqlType":       duckType,
	}
}

func duckGiven(x string) string { return "(coalesce(json_type(" + x + "), 'NULL') <> 'NULL')" }

// duckText is a text, or the digits of a whole number.
func duckText(x string) string {
	return "CASE WHEN json_type(" + x + ") IN ('VARCHAR', 'UBIGINT') THEN json_extract_string(" + x + ", '$') END"
}

// duckID reports whether x is an id: a text of some bytes, or a whole number.
func (r *PlanRaw) duckID(x string) string {
	return fmt.Sprintf("coalesce(json_type(%s) IN ('VARCHAR', 'UBIGINT') AND strlen(%s) BETWEEN 1 AND %d, false)", x,
		duckText(x), r.MaxID)
}

// duckMaybe reports whether x is not given or null, or of a kind.
func duckMaybe(kind, x string) string {
	return "(NOT " + duckGiven(x) + " OR coalesce(" + duckIs(kind, x) + ", false))"
}

// duckIs reports whether x is of a kind; NULL where there is no x. A kind is the type of a declared feature, or text
// (which an id or a whole number is, too), number, list or object, or whole: a number without point and exponent,
// because to a double 1e-400 is 0.
func duckIs(kind, x string) string {
	const whole = "('UBIGINT', 'BIGINT')"
	double := "TRY_CAST(" + x + " AS DOUBLE)"
	switch kind {
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
		return "CASE WHEN json_type(" + x + ") IN " + whole + " THEN TRY_CAST(json_extract_string(" + x +
			", '$') AS BIGINT) IS NOT NULL END"
	case "int64":
		return "CASE WHEN json_type(" + x + ") IN " + whole + " THEN TRY_CAST(json_extract_string(" + x +
			", '$') AS BIGINT) IS NOT NULL " +
			"WHEN json_type(" + x + ") = 'DOUBLE' THEN " + double + " = trunc(" + double + ") AND abs(" + double +
			") < 9007199254740992 END"
	case "number", "double":
		return "CASE WHEN json_type(" + x + ") IN " + whole + " THEN true WHEN json_type(" + x +
			") = 'DOUBLE' THEN isfinite(" + double + ") END"
	case "float32":
		return "CASE WHEN json_type(" + x + ") IN ('UBIGINT', 'BIGINT', 'DOUBLE') THEN abs(" + double +
			") <= 3.4028234e38 END"
	}
	element := strings.TrimSuffix(strings.TrimPrefix(kind, "list<"), ">")
	types, fits := "'UBIGINT', 'BIGINT', 'DOUBLE'", "true"
	switch element {
	case "bool":
		types = "'BOOLEAN'"
	case "string":
		types = "'VARCHAR'"
	case "int64":
		types = "'UBIGINT', 'BIGINT'"
		fits = "TRY_CAST(" + x + " AS BIGINT[]) IS NOT NULL"
	case "double":
		fits = "len(list_filter(TRY_CAST(" + x + " AS DOUBLE[]), lambda e: NOT isfinite(e))) = 0"
	case "float32":
		fits = "len(list_filter(TRY_CAST(" + x + " AS DOUBLE[]), lambda e: abs(e) > 3.4028234e38)) = 0"
	}
	return "json_type(" + x + ") = 'ARRAY' AND len(list_filter(json_type(" + x + ", '$[*]'), lambda t: t NOT IN (" +
		types + ", 'NULL'))) = 0 AND " + fits
}

// duckType is the type of a column of features.
func duckType(kind string) string {
	if element, ok := strings.CutPrefix(kind, "list<"); ok {
		return duckType(strings.TrimSuffix(element, ">")) + "[]"
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

// duckValue is x as a value of a kind; NULL where it is of another one.
func duckValue(kind, x string) string {
	value := "TRY_CAST(" + x + " AS " + duckType(kind) + ")"
	switch {
	case kind == "string":
		value = "json_extract_string(" + x + ", '$')"
	case kind == "float32":
		value = "CAST(TRY_CAST(" + x + " AS DOUBLE) AS FLOAT)"
	case kind == "list<float32>":
		value = "CAST(TRY_CAST(" + x + " AS DOUBLE[]) AS FLOAT[])"
	}
	return "CASE WHEN " + duckIs(kind, x) + " THEN " + value + " END"
}

// duckTime is x as a time, in nanoseconds; NULL where it is not plainly written. A number counts units of so many
// nanoseconds.
func duckTime(x string, unit int64) string {
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

// duckStart is what is wrong with any event, as parts of a CASE. What has no request_id is a heartbeat.
func (r *PlanRaw) duckStart() string {
	return fmt.Sprintf(`WHEN line IS NULL THEN 'it is NULL'
      WHEN event IS NULL
      THEN 'it is no object of strict JSON on one line, with at most %d bytes and %d levels, and without -0'
      WHEN len(list_filter(list_transform(list_filter(list_prepend(event, json_extract(event, '$..*')),
        lambda x: starts_with(CAST(x AS VARCHAR), '{')), lambda x: json_keys(x)),
        lambda k: len(k) <> list_unique(k))) > 0
      THEN 'an object has two members of one name'
      WHEN NOT named AND NOT (%s AND len(json_keys(event)) = 1) THEN 'request_id is not given'
      WHEN ts IS NULL THEN 'its time is no whole number, and not written like 2026-01-31T23:59:59.999Z'
      WHEN NOT named THEN NULL
      WHEN NOT %s THEN 'request_id is no text of 1 to %d bytes'`,
		r.MaxBytes, r.MaxDepth, duckGiven("f[3]"), r.duckID("f[1]"), r.MaxID)
}

// duckFeatures is what is wrong with the names of features, as parts of a CASE: no feature may have the column of a
// declared one but that itself, and none may be so long that the event is rejected.
func duckFeatures(of string, names PlanNames) string {
	plain, declared := "regexp_full_match(k, '[ -~]{1,200}')", ""
	if names.Exact != "" {
		plain += " AND lower(k) NOT IN (" + names.Lower + ")"
		declared = "k IN (" + names.Exact + ") OR "
	}
	return fmt.Sprintf(`WHEN NOT %s THEN 'features is no object'
      WHEN list_contains(json_type(%s, '$.*'), 'OBJECT')
      THEN 'features hold an object, whose members have columns of their own'
      WHEN len(list_filter(json_keys(%s), lambda k: NOT (%s%s))) > 0
      THEN 'a feature has a name that is not plain, or that differs from a declared one in case only'`,
		duckMaybe("object", of), of, of, declared, plain)
}

// duckFits reports whether a double holds x, if x is a number.
func duckFits(x string) string {
	return "(coalesce(json_type(" + x + "), 'NULL') IN ('VARCHAR', 'BOOLEAN', 'NULL', 'OBJECT', 'ARRAY') OR " +
		duckMaybe("number", x) + ")"
}

// duckFeatureFits reports whether a replay surely holds x as a feature. A list that has objects or lists is missing
// there as a whole if anything in it cannot be held.
func duckFeatureFits(x string) string {
	return "(" + duckFits(x) + " AND NOT coalesce(json_type(" + x + ") = 'ARRAY' AND list_has_any(json_type(" + x +
		", '$[*]'), ['ARRAY', 'OBJECT']), false))"
}

// duckExact is x as an archive keeps a feature that a condition looks at: a letter for its kind, a colon and the value.
func duckExact(x string) string {
	text := "json_extract_string(" + x + ", '$')"
	return fmt.Sprintf(`CASE json_type(%[1]s) WHEN 'VARCHAR' THEN 't:' || %[2]s WHEN 'BOOLEAN' THEN 'b:' || %[2]s
      WHEN 'ARRAY' THEN 'l:' WHEN 'OBJECT' THEN 'o:' WHEN 'NULL' THEN NULL WHEN 'DOUBLE' THEN 'n:' || %[2]s
      ELSE CASE WHEN TRY_CAST(%[2]s AS BIGINT) BETWEEN -9007199254740991 AND 9007199254740991 THEN 'w:' || %[2]s
        WHEN TRY_CAST(%[2]s AS BIGINT) IS NOT NULL THEN 'h:' || %[2]s ELSE 'n:' || %[2]s END END`, x, text)
}
