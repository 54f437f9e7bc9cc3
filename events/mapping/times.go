package mapping

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // for machines without a database of zones

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// timeOf reads a time: time(x), time(x, unit), time(x, layout), time(x, layout, zone).
func timeOf(zones *zones, p ...any) (any, error) {
	how, zone := "", ""
	if len(p) > 1 {
		how = p[1].(string)
	}
	if len(p) > 2 {
		zone = p[2].(string)
	}
	if unit, err := events.ParseUnit(how); err == nil && how != "" && how != "auto" {
		return epoch(p[0], unit)
	}
	switch x := p[0].(type) {
	case events.Time:
		return x, nil
	case string:
		return written(zones, x, how, zone)
	case nil:
		return nil, errors.New("time: there is nothing to read")
	case int, float64, jsonevent.Digits:
		return nil, fmt.Errorf("time: %v is a number: say what it counts, like time(x, \"ms\"): s, ms, us or ns", x)
	default:
		return nil, fmt.Errorf("time: %s is no time", kindOf(x))
	}
}

// epoch is a number of units since 1970, to the nanosecond as it is written. What is
// finer is cut off.
func epoch(v any, unit events.Unit) (any, error) {
	text := ""
	switch v := v.(type) {
	case int:
		text = strconv.Itoa(v)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case jsonevent.Digits:
		text = string(v)
	case string:
		text = v
	default:
		return nil, fmt.Errorf("time: %s is no number", kindOf(v))
	}
	digits := map[events.Unit]int{events.UnitS: 9, events.UnitMS: 6, events.UnitUS: 3, events.UnitNS: 0}[unit]
	whole, fraction, _ := strings.Cut(text, ".")
	if strings.ContainsFunc(strings.TrimPrefix(whole, "-")+fraction, func(c rune) bool { return c < '0' || c > '9' }) ||
		whole == "" || whole == "-" {
		return nil, fmt.Errorf("time: %q is no number", clip(text))
	}
	fraction = (fraction + strings.Repeat("0", digits))[:digits]
	ns, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || ns == math.MinInt64 || ns == math.MaxInt64 {
		return nil, fmt.Errorf("time: %s is beyond the years 1678 to 2262: is it the right unit?", clip(text))
	}
	return events.Time(ns), nil
}

// zones are the time zones that were named, which are files elsewhere. Several goroutines
// may use them.
type zones struct{ known sync.Map }

// load finds a zone by its name in the IANA database.
func (z *zones) load(name string) (*time.Location, error) {
	if known, ok := z.known.Load(name); ok {
		return known.(*time.Location), nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("time: there is no zone %q: write one like UTC or Europe/Berlin", clip(name))
	}
	z.known.Store(name, location)
	return location, nil
}

// isoLayouts are the ways in which a date and a time are usually written, without and
// with an offset.
func isoLayouts() []string {
	return []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 MST",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
	}
}

// written reads a time that is written out. A time without an offset needs a zone: it is
// never guessed.
func written(zones *zones, text, layout, zone string) (any, error) {
	if layout == "" || layout == "iso" {
		if t, err := events.ParseTime(text); err == nil {
			return t, nil
		}
	}
	location := time.UTC
	if zone != "" {
		var err error
		if location, err = zones.load(zone); err != nil {
			return nil, err
		}
	}
	layouts := isoLayouts()
	if layout != "" && layout != "iso" {
		layouts = []string{goLayout(layout)}
	}
	for _, one := range layouts {
		t, err := time.ParseInLocation(one, text, location)
		if err != nil {
			continue
		}
		if zone == "" && !strings.Contains(one, "Z07") && !strings.Contains(one, "-07") && !strings.HasSuffix(text, " UTC") {
			return nil, fmt.Errorf("time: %q has no offset: name its zone, like time(x, %q, \"UTC\")", clip(text),
				or(layout, "iso"))
		}
		if name, offset := t.Zone(); offset == 0 && t.Location() != location && name != "UTC" && name != "GMT" && name != "" {
			return nil, fmt.Errorf("time: %q has the zone %s, which may be several: name the one, like time(x, %q, \"Europe/Berlin\")",
				clip(text), clip(name), or(layout, "iso"))
		}
		at, ok := events.FromStd(t)
		if !ok {
			return nil, fmt.Errorf("time: %q is beyond the years 1678 to 2262", clip(text))
		}
		return at, nil
	}
	if layout == "iso" {
		layout = ""
	}
	number := ""
	if layout == "" && unitOf(text) != events.UnitAuto {
		number = `; a number needs its unit: time(x, "ms")`
	}
	return nil, fmt.Errorf("time: %q is not written as %s%s", clip(text),
		or(layout, "in ISO 8601, like 2026-01-31T15:04:05Z"), number)
}

// goLayout is a layout as Go writes it. It may be written with % as in C and Python.
func goLayout(layout string) string {
	if !strings.Contains(layout, "%") {
		return layout
	}
	return strings.NewReplacer(
		"%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%f", "999999", "%z", "-0700", "%Z", "MST",
		"%b", "Jan", "%B", "January", "%a", "Mon", "%A", "Monday", "%p", "PM", "%I", "03", "%y", "06", "%e", "_2",
		"%j", "002", "%T", "15:04:05", "%F", "2006-01-02", "%%", "%").Replace(layout)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// clip keeps errors readable.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
