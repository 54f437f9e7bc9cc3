package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/labeljoin/labeljoin/events"
)

// Suggestion is what a field of an event could be made of, as the names and values of
// records look. It is for a person to judge: nothing is mapped by it.
type Suggestion struct {
	Field      string // of the event
	Expression string
	Why        string
}

// Suggest looks at records for what the fields of an event of a kind could be made of, in
// the order of the event's fields. Fields for which nothing looks right are left out.
func Suggest(records []any, kind events.Kind) (list []Suggestion) {
	seen := &survey{total: len(records), at: map[string]*sight{}}
	for _, r := range records {
		seen.look(r, nil)
	}
	for _, f := range fieldsOf(kind) {
		s, ok := seen.suggest(f.name, kind)
		taken := slices.ContainsFunc(list, func(other Suggestion) bool { return other.Expression == s.Expression })
		if ok && !taken {
			list = append(list, s)
		}
	}
	return list
}

// Required lists the fields that every event of a kind needs.
func Required(kind events.Kind) (names []string) {
	for _, f := range fieldsOf(kind) {
		if f.required {
			names = append(names, f.name)
		}
	}
	return names
}

// survey is what was seen at each path of some records.
type survey struct {
	total int
	at    map[string]*sight
}

// sight is what was seen at one path.
type sight struct {
	path   []string
	values []any
}

const deepestSeen = 4

func (s *survey) look(v any, path []string) {
	if len(path) > 0 && v != nil {
		key := strings.Join(path, "\x00")
		if s.at[key] == nil {
			s.at[key] = &sight{path: path}
		}
		s.at[key].values = append(s.at[key].values, v)
	}
	object, ok := v.(map[string]any)
	if !ok || len(path) == deepestSeen {
		return
	}
	for name, member := range object {
		s.look(member, append(slices.Clip(path), name))
	}
}

// usualNames are the names that a field of an event goes by elsewhere, the likeliest
// first, in small letters without signs between.
func usualNames(field string, kind events.Kind) []string {
	switch field {
	case "request_id":
		names := []string{"requestid", "impressionid", "impid", "queryid", "inferenceid", "predictionid", "correlationid",
			"ranking"}
		if kind == events.KindRequest {
			names = append(names, "eventid", "messageid", "id", "uuid")
		}
		return append(names, "request", "query", "impression", "imp", "traceid", "sessionid")
	case "outcome_id":
		return []string{"outcomeid", "eventid", "messageid", "id", "uuid"}
	case "ts":
		return []string{
			"ts", "timestamp", "eventtime", "time", "inferencetime", "at", "occurredat", "createdat", "eventtimestamp",
			"datetime", "date", "sentat", "receivedat",
		}
	case "type":
		return []string{"type", "eventtype", "action", "actionname", "event", "eventname", "evt", "name", "kind"}
	case "item_id":
		return []string{
			"itemid", "item", "sku", "productid", "documentid", "docid", "objectid", "adid", "contentid", "product", "id",
		}
	case "position":
		return []string{"position", "rank", "pos", "index", "slot"}
	case "value":
		return []string{"value", "revenue", "price", "amount", "reward", "rating"}
	case "score":
		return []string{"score", "prediction", "probability"}
	case "user_id":
		return []string{"userid", "user", "clientid", "visitorid", "anonymousid", "customerid", "uid"}
	case "model":
		return []string{"model", "modelname", "modelid", "inferenceservicename"}
	case "model_version":
		return []string{"modelversion"}
	case "items":
		return []string{
			"items", "slots", "products", "results", "candidates", "documents", "impressions", "hits", "recommendations",
			"itemids", "ids", "slate",
		}
	case "features":
		return []string{"features", "context", "ctx", "inputs", "properties", "attributes"}
	case "attrs":
		return []string{"attrs", "attributes", "properties", "context", "eventattributes"}
	}
	return nil
}

// suggest finds the likeliest path for a field whose values fit it.
func (s *survey) suggest(field string, kind events.Kind) (Suggestion, bool) {
	names := usualNames(field, kind)
	rank := func(p *sight) int { return p.rank(names, kind) }
	var found []*sight
	for _, key := range slices.Sorted(maps.Keys(s.at)) {
		if p := s.at[key]; rank(p) >= 0 {
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b *sight) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.path), len(b.path)))
	})
	for _, p := range found {
		if expression, why, ok := fit(field, p, s.total); ok {
			return Suggestion{Field: field, Expression: expression, Why: why}, true
		}
	}
	if field == "ts" {
		return s.time()
	}
	return Suggestion{}, false
}

// rank is the place of a path among the names of a field; -1 if it has none of them. An id within something, as in
// user.id, is named by both; where that is the name of another field, it is not of this one.
func (p *sight) rank(names []string, kind events.Kind) int {
	last := plainName(p.path[len(p.path)-1])
	if len(p.path) > 1 {
		both := plainName(p.path[len(p.path)-2]) + last
		if i := slices.Index(names, both); i >= 0 {
			return i
		}
		for _, f := range fieldsOf(kind) {
			if slices.Contains(usualNames(f.name, kind), both) {
				return -1
			}
		}
	}
	return slices.Index(names, last)
}

// time finds a time by its values, where the name only sounds like one: the least deep, and of those the first.
func (s *survey) time() (found Suggestion, ok bool) {
	depth := deepestSeen + 1
	for _, key := range slices.Sorted(maps.Keys(s.at)) {
		p := s.at[key]
		name := plainName(p.path[len(p.path)-1])
		sounds := strings.Contains(name, "time") || strings.Contains(name, "date") || strings.HasSuffix(name, "at") ||
			strings.HasSuffix(name, "ts")
		if !sounds || len(p.path) >= depth {
			continue
		}
		if expression, why, fits := fit("ts", p, s.total); fits {
			found, ok, depth = Suggestion{Field: "ts", Expression: expression, Why: why}, true, len(p.path)
		}
	}
	return found, ok
}

// plainName is a name in small letters, without signs between.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// fit is the expression that makes a field of what is at a path, if all values there can
// be that.
func fit(field string, p *sight, total int) (expression, why string, ok bool) {
	path := pathOf("event", p.path, len(p.values) < total)
	example := shown(p.values[0])
	all := func(is func(any) bool) bool {
		return !slices.ContainsFunc(p.values, func(v any) bool { return !is(v) })
	}
	why = fmt.Sprintf("%s is like %s", strings.Join(p.path, "."), example)
	switch field {
	case "ts":
		return fitTime(path, p)
	case "items":
		return fitItems(path, p)
	case "features", "attrs":
		return path, strings.Join(p.path, ".") + " is an object", all(isObjectValue)
	case "value", "score":
		return path, why, all(func(v any) bool {
			_, err := (&canon{most: 1 << 20}).number(nil, v)
			return err == nil
		})
	}
	return path, why, all(func(v any) bool {
		text, err := textOf(v)
		_, truth := v.(bool)
		return err == nil && text != "" && !truth && len(text) <= 256
	})
}

func isObjectValue(v any) bool { _, ok := v.(map[string]any); return ok }

// fitTime says how the values at a path are read as times.
func fitTime(path string, p *sight) (expression, why string, ok bool) {
	name := strings.Join(p.path, ".")
	unit := unitOf(p.values[0])
	for _, v := range p.values {
		if unitOf(v) != unit {
			return "", "", false
		}
	}
	if unit != events.UnitAuto {
		short := map[events.Unit]string{events.UnitS: "s", events.UnitMS: "ms", events.UnitUS: "us",
			events.UnitNS: "ns"}[unit]
		long := map[string]string{"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}[short]
		return fmt.Sprintf("time(%s, %q)", path, short), fmt.Sprintf("%s looks like a time in %s: %s", name, long,
			shown(p.values[0])), true
	}
	text, isText := p.values[0].(string)
	if !isText {
		return "", "", false
	}
	if _, err := events.ParseTime(text); err == nil {
		return path, name + " is a time in RFC 3339", true
	}
	if _, err := written(&zones{}, text, "iso", ""); err == nil {
		return fmt.Sprintf("time(%s)", path), name + " is a time in ISO 8601", true
	}
	if _, err := written(&zones{}, text, "iso", "UTC"); err == nil {
		return fmt.Sprintf(`time(%s, "iso", "UTC")`, path), name + " is a time without a zone: UTC is a guess", true
	}
	return "", "", false
}

// unitOf is the unit in which a number, or a text with one, is a time of the years 2001
// to 2100; UnitAuto if it is none.
func unitOf(v any) events.Unit {
	var x float64
	switch v := v.(type) {
	case int:
		x = float64(v)
	case float64:
		x = v
	case string:
		var err error
		if x, err = strconv.ParseFloat(v, 64); err != nil {
			return events.UnitAuto
		}
	}
	const first, last = 978_307_200, 4_133_980_800 // in seconds
	for i, unit := range []events.Unit{events.UnitS, events.UnitMS, events.UnitUS, events.UnitNS} {
		if seconds := x / math.Pow(1000, float64(i)); seconds >= first && seconds < last {
			return unit
		}
	}
	return events.UnitAuto
}

// fitItems says how the lists at a path are items.
func fitItems(path string, p *sight) (expression, why string, ok bool) {
	inner := &survey{at: map[string]*sight{}}
	scalars := 0
	for _, v := range p.values {
		list, isList := v.([]any)
		if !isList {
			return "", "", false
		}
		for _, element := range list {
			inner.total++
			if isObjectValue(element) {
				inner.look(element, nil)
			} else if _, err := textOf(element); err == nil {
				scalars++
			}
		}
	}
	name := strings.Join(p.path, ".")
	if inner.total > 0 && scalars == inner.total {
		return path, name + " is a list of ids", true
	}
	var members []string
	for _, field := range []string{"item_id", "position", "score"} {
		if s, ok := inner.suggest(field, events.KindOutcome); ok {
			members = append(members, field+": "+strings.TrimPrefix(s.Expression, "event"))
		}
	}
	if len(members) == 0 || !strings.HasPrefix(members[0], "item_id") {
		return "", "", false
	}
	return fmt.Sprintf("map(%s, {%s})", path, strings.Join(members, ", ")), name + " is a list of objects with ids", true
}

// pathOf is the expression of a path. One that is not in every record may be missing on
// its way.
func pathOf(root string, path []string, missing bool) string {
	out := root
	for i, name := range path {
		switch plain := isPlainName(name); {
		case plain && missing && i > 0:
			out += "?." + name
		case plain:
			out += "." + name
		case missing && i > 0:
			out += "?.[" + strconv.Quote(name) + "]"
		default:
			out += "[" + strconv.Quote(name) + "]"
		}
	}
	return out
}

func isPlainName(name string) bool {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return name != "" && !slices.Contains([]string{"in", "not", "and", "or", "let", "if", "else", "true", "false", "nil"},
		name)
}

// shown is a value for people, on one line.
func shown(v any) string {
	data, err := (&canon{most: 4 << 10}).any(nil, v)
	if err != nil {
		return kindOf(v)
	}
	return clip(string(data))
}
