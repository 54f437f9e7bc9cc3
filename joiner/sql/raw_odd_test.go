package sql_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// oddValues are values that readers of JSON take differently, or that an event may not have in most places.
var oddValues = []string{
	`null`, `true`, `false`, `0`, `-0`, `-0.0`, `-1`, `7`, `7.0`, `1e3`, `1E+2`, `1.5`, `1.10`, `0.1`, `5e-324`,
	`1e-400`, `1e400`, `-1e400`, `16777217`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`,
	`-9223372036854775808`, `-9223372036854775809`, `18446744073709551615`, `18446744073709551616`,
	`123456789012345678901234567890`, `1.7976931348623157e308`, `3.4028235e38`, `3.5e38`, `0.30000000000000004`,
	`2.2250738585072011e-308`, `9007199254740992.0`, `12345678901234567e-3`, `"x"`, `""`, `" "`, `"1"`, `"1.5"`,
	`"-0"`, `"true"`, `"null"`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\u0000"`,
	`"a\u0000b"`, `"a\"b"`, `"a\\b"`, `"\\u0000"`, `"\/"`, `"\n\t"`, `"😀"`, `"` + "\u2028\ufffd\u00a0" + `"`,
	`"\x"`, "\"a\tb\"", `"` + strings.Repeat("é", 128) + `"`, `"` + strings.Repeat("x", 257) + `"`, `[]`,
	`[1,2]`, `[1,null]`, `[1,"a"]`, `[true,false]`, `["a","b",null]`, `[1.5,2]`, `[[1]]`, `[{}]`, `[-0]`,
	`[1e400]`, `[NaN]`, `[3.5e38]`, `[9223372036854775808]`, `{}`, `{"a":1}`, `{"a":1,"a":2}`,
	`{"a":{"b":{"c":1,"c":1}}}`, `[{"a":1,"\u0061":2}]`, `{"A":1,"a":2}`, `NaN`, `Infinity`, `-Infinity`, `nan`,
	`01`, `1.`, `.5`, `+1`, `0x10`, `tru`, `'x'`, `[1,]`, `{"a":1,}`, `{,}`, `[,1]`, `/*c*/1`, ``, `1 2`,
	strings.Repeat("[", 9) + strings.Repeat("]", 9), strings.Repeat("[", 40) + strings.Repeat("]", 40),
	strings.Repeat(`{"a":`, 6) + "1" + strings.Repeat("}", 6),
}

// oddTimes are times, and what looks like them.
var oddTimes = []string{
	`"1970-01-01T00:16:40Z"`, `"1970-01-01T01:16:40.5+01:00"`, `"1970-01-01T00:16:40.123456789Z"`,
	`"1970-01-01T00:16:40.1234567891Z"`, `"1969-12-31T23:59:59.999999999-00:30"`, `"1970-01-01t00:16:40z"`,
	`"1970-01-01 00:16:40Z"`, `"1970-01-01T00:16:40"`, `"1970-01-01T00:16:40+0000"`, `"1970-01-01T24:00:00Z"`,
	`"1970-01-01T00:16:60Z"`, `"1970-02-29T00:00:00Z"`, `"2000-02-29T00:00:00Z"`, `"1900-02-29T00:00:00Z"`,
	`"1970-01-01T00:16:40-23:59"`, `"1970-01-01T00:16:40+24:00"`, `"2100-01-01T00:00:00Z"`,
	`"1970-01-01T00:16:40.Z"`, `"1970-01-01T00:16:40,5Z"`, `"1970-1-1T00:16:40Z"`, `"+1970-01-01T00:16:40Z"`,
	`"1970-01-01T00:16:40 Z"`, `"1970-01-01T00:16:40Z "`, `"1000"`, `1000`, `1000.0`, `1e6`, `-1`, `-1000`,
	`1000000`, `"1970-01-01T00:16:40.000000001\u005a"`,
}

// oddFeatures are the features of some request, as members of an object.
var oddFeatures = []string{
	`"num":%s`, `"int":%s`, `"single":%s`, `"text":%s`, `"flag":%s`, `"nums":%s`, `"ints":%s`, `"singles":%s`,
	`"texts":%s`, `"flags":%s`, `"NUM":%s`, `"other":%s`, `"":%s`, `"a.b/c":%s`, `"` + "\u212anum" + `":%s`,
	`"nu\u006d":%s`, `"nu\u0001m":%s`, `"item_num":%s`, `"feature_num":%s`, `"score":%s`, `"request_id":%s`,
}

// odd is a value, mostly a good one.
func odd(r *rand.Rand, percent int, good ...string) string {
	if r.IntN(100) < percent {
		return oddValues[r.IntN(len(oddValues))]
	}
	return good[r.IntN(len(good))]
}

// oddObject is features, mostly good ones.
func oddObject(r *rand.Rand) string {
	goods := map[string][]string{"num": {`1`, `1.5`, `-2e3`}, "int": {`1`, `-5`}, "single": {`0.1`, `3`},
		"text": {`"a"`, `"\u00e9\n"`}, "flag": {`true`}, "nums": {`[1,0.1]`},
		"ints": {`[1,2]`}, "singles": {`[0.1,0.2]`}, "texts": {`["a"]`}, "flags": {`[true]`}}
	var members []string
	for range r.IntN(4) {
		member := oddFeatures[r.IntN(10)]
		if r.IntN(10) == 0 {
			member = oddFeatures[r.IntN(len(oddFeatures))]
		}
		name := strings.Split(member, `"`)[1]
		good := goods[name]
		if good == nil {
			good = []string{"1"}
		}
		members = append(members, fmt.Sprintf(member, odd(r, 15, good...)))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// oddRequest is the line of a request.
func oddRequest(r *rand.Rand, i int) string {
	members := []string{`"request_id":` + odd(r, 2, fmt.Sprintf(`"r%d"`, i)), `"ts":` + oddTime(r, `1000000`)}
	for _, name := range []string{"model", "model_version", "user_id"} {
		if r.IntN(4) == 0 {
			members = append(members, `"`+name+`":`+odd(r, 20, `"m"`))
		}
	}
	if r.IntN(4) == 0 {
		members = append(members, `"score":`+odd(r, 30, `0.5`))
	}
	if r.IntN(3) == 0 {
		members = append(members, `"features":`+odd(r, 5, oddObject(r)))
	}
	if r.IntN(2) == 0 {
		var items []string
		for j := range r.IntN(3) {
			item := []string{`"item_id":` + odd(r, 4, fmt.Sprintf(`"i%d"`, j))}
			if r.IntN(3) == 0 {
				item = append(item, `"position":`+odd(r, 20, `3`))
			}
			if r.IntN(3) == 0 {
				item = append(item, `"score":`+odd(r, 20, `0.25`))
			}
			if r.IntN(3) == 0 {
				item = append(item, `"features":`+odd(r, 5, oddObject(r)))
			}
			items = append(items, odd(r, 2, "{"+strings.Join(item, ",")+"}"))
		}
		members = append(members, `"items":`+odd(r, 3, "["+strings.Join(items, ",")+"]"))
	}
	return oddLine(r, members)
}

func oddTime(r *rand.Rand, good string) string {
	if r.IntN(10) == 0 {
		return oddTimes[r.IntN(len(oddTimes))]
	}
	return odd(r, 2, good)
}

// oddOutcome is the line of an outcome.
func oddOutcome(r *rand.Rand, i int) string {
	members := []string{`"request_id":` + odd(r, 2, fmt.Sprintf(`"r%d"`, i)),
		`"ts":` + oddTime(r, fmt.Sprint(1000000+r.IntN(2000))),
		`"type":` + odd(r, 4, `"click"`, `"buy"`)}
	if r.IntN(3) == 0 {
		members = append(members, `"outcome_id":`+odd(r, 20, `"o"`))
	}
	if r.IntN(3) == 0 {
		members = append(members, `"item_id":`+odd(r, 20, `"i0"`))
	}
	if r.IntN(2) == 0 {
		members = append(members, `"value":`+odd(r, 30, `2`))
	}
	if r.IntN(2) == 0 {
		members = append(members, `"attrs":`+odd(r, 5, fmt.Sprintf(`{"n":%s,"o":{"a/b":%s},"%s":1}`, odd(r, 50, `1`),
			odd(r, 50, `"x"`), odd(r, 0, "m", "n2", "N"))))
	}
	if r.IntN(50) == 0 {
		members = []string{`"heartbeat":` + oddTime(r, `1000500`)}
	}
	return oddLine(r, members)
}

// oddLine makes a line of members: now and then one that is damaged.
func oddLine(r *rand.Rand, members []string) string {
	if r.IntN(20) == 0 {
		members = append(members, `"extra":`+odd(r, 50, `1`))
	}
	if r.IntN(60) == 0 {
		members = append(members, members[r.IntN(len(members))])
	}
	if r.IntN(4) == 0 {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	line := "{" + strings.Join(members, odd(r, 0, ",", ",", ", ", "\t,\r")) + "}"
	if r.IntN(12) > 0 {
		return line
	}
	pieces := []string{"{", "}", "[", "]", `"`, ",", ":", `\`, "0", "-", "e", ".", " ", "\n", "\r", "\r\n", "\t", "\f",
		"\v", "\u0085", "\u00a0", "\ufeff", "\u0000", "null", "{}", `"ts":1`, "//", "#"}
	piece := pieces[r.IntN(len(pieces))]
	switch at := r.IntN(len(line) + 1); r.IntN(5) {
	case 0: // something before or behind the line
		return piece + line
	case 1:
		return line + piece
	case 2:
		return strings.ToValidUTF8(line[:at], "") // half a line
	case 3:
		return strings.ToValidUTF8(line[:at]+line[min(at+1, len(line)):], "")
	default:
		return strings.ToValidUTF8(line[:at]+piece+line[at:], "")
	}
}
