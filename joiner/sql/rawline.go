package sql

// plainLine is a regular expression of lines that may be an object of strict JSON, at most depth objects and lists in
// each other. With a reader of JSON that allows more than RFC 8259 it makes one that does not: no comma before a
// bracket, no comment, no NaN, no other quotes, no half of a surrogate pair. With one that stops behind the first value
// it makes one that does not: there is one pair of brackets that nothing is around. It also leaves out -0 as a whole
// number, which readers take differently, and for Spark -0.0, too, whose sign is lost there.
//
// Nothing in it goes back, so that it takes linear time in RE2, which DuckDB has. Spark has the regular expressions of
// Java, which call themselves for what is repeated, up to the end of the stack. They do not for what is never given
// back, which has a + more: *+.
func plainLine(depth int, d Dialect) string {
	loop, zero, begin, end := "*", `[0-9]+`, "", ""
	if d == DialectSpark {
		loop, zero, begin, end = "*+", `0*[1-9][0-9]*`, `\A`, `\z` // else any part of a line would do
	}
	const (
		half   = `[0-9a-fA-F]{2}`
		letter = `\\(?:["\\/bfnrt]|u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]` + half + `|[dD][0-7]` + half + `|[dD][89abAB]` + half +
			`\\u[dD][c-fC-F]` + half + `))`
		rest = `(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`
	)
	var (
		letters = `[^"\\\x00-\x1f]` + loop
		text    = `"` + letters + `(?:` + letter + letters + `)` + loop + `"`
		number  = `(?:-?[1-9][0-9]*|0)` + rest + `|-0\.` + zero + `(?:[eE][-+]?[0-9]+)?`
		space   = `[ \t\r]` + loop
		scalar  = text + `|` + number + `|true|false|null`
	)
	members := func(value string) string {
		return space + `(?:,?` + space + `(?:` + value + `)` + space + `:?` + space + `)` + loop
	}
	value := scalar
	for range depth - 1 {
		value = scalar + `|[{\[]` + members(value) + `[}\]]`
	}
	return begin + `\{` + members(value) + `\}` + end
}
