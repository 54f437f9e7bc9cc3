package jsonevent

import (
	"bytes"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
)

// hintOfFormat says what data is that is no JSON text, where its first bytes tell.
func hintOfFormat(data []byte) string {
	for _, format := range []struct{ magic, name string }{
		{"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"}, {"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"},
	} {
		if bytes.HasPrefix(data, []byte(format.magic)) {
			return "at byte 0: it is " + format.name + ": an event is JSON in UTF-8, and not compressed"
		}
	}
	return ""
}

// hintOfValue says what was probably meant by a value that is no JSON.
func hintOfValue(data []byte) string {
	switch word := string(wordAt(data)); word {
	case "True", "False", "None":
		return fmt.Sprintf(": %s is Python's word; JSON has true, false and null", word)
	case "undefined":
		return ": JSON has null"
	}
	if data[0] == '\'' {
		return ": a text stands in double quotes"
	}
	return ""
}

// wordAt is the letters and digits that data begins with, up to a few.
func wordAt(data []byte) []byte {
	const most = 24
	n := 0
	for n < len(data) && n < most && (isDigit(data[n]) || data[n]|0x20 >= 'a' && data[n]|0x20 <= 'z') {
		n++
	}
	return data[:n]
}

// hintOfTime says what a timestamp that is refused probably lacks.
func hintOfTime(raw []byte) string {
	if raw[0] != '"' {
		if bytes.ContainsAny(raw, ".eE") {
			return "; an epoch is a whole number: multiply it, and declare time_unit: ms, us or ns"
		}
		return "; is time_unit the unit it counts in?"
	}
	inner := bytes.Clone(raw[1 : len(raw)-1])
	if _, ok := events.ParseRFC3339(append(inner, 'Z')); ok {
		return "; its offset from UTC is missing: write Z or one like +02:00 at its end"
	}
	if len(inner) > 10 && inner[10] == ' ' {
		inner[10] = 'T'
		if _, ok := events.ParseRFC3339(inner); ok {
			return "; write T between date and time"
		}
		if _, ok := events.ParseRFC3339(append(inner, 'Z')); ok {
			return "; write T between date and time, and Z or an offset like +02:00 at its end"
		}
	}
	number := scanner{data: inner, strict: true}
	if len(inner) > 0 && typeOf(inner[0]) == jsonNumber && number.number(0) == len(inner) {
		return "; write an epoch as a number, without quotes"
	}
	return ""
}

// OtherUnit is the unit that a request's or outcome's timestamp, if it is a number,
// would have to count in to be a time that fits. It is for those who tell a person
// what to do: a unit is declared, and never guessed.
func (d *Decoder) OtherUnit(raw []byte, fits func(events.Time) bool) (name string, ok bool) {
	for _, u := range []struct {
		unit events.Unit
		name string
	}{{events.UnitS, "s"}, {events.UnitMS, "ms"}, {events.UnitUS, "us"}, {events.UnitNS, "ns"}} {
		other := *d
		other.Unit = u.unit
		here, err := d.ScanRequest(raw)
		there, err2 := other.ScanRequest(raw)
		if err == nil && err2 == nil && here.TS != there.TS && fits(there.TS) {
			return u.name, true
		}
	}
	return "", false
}
