package events

import "fmt"

// Unit says what a timestamp that is a number counts since the Unix epoch.
// Strings are RFC 3339 whatever the unit.
type Unit uint8

// The units. UnitAuto is the default and means milliseconds: the unit is
// declared, never guessed from a number's size.
const (
	UnitAuto Unit = iota
	UnitS
	UnitMS
	UnitUS
	UnitNS
)

// ParseUnit reads a unit as configurations name it: s, ms, us, ns, or nothing
// or auto for the default.
func ParseUnit(name string) (Unit, error) {
	switch name {
	case "", "auto":
		return UnitAuto, nil
	case "s":
		return UnitS, nil
	case "ms":
		return UnitMS, nil
	case "us":
		return UnitUS, nil
	case "ns":
		return UnitNS, nil
	}
	return UnitAuto, fmt.Errorf("unknown unit of time %q: use s, ms, us or ns", name)
}

// Time converts a count of the unit since the Unix epoch. It is false for what Time does not cover.
func (u Unit) Time(n int64) (Time, bool) {
	perSecond := int64(1000)
	switch u {
	case UnitS:
		perSecond = 1
	case UnitUS:
		perSecond = 1_000_000
	case UnitNS:
		perSecond = 1_000_000_000
	}
	seconds, rest := n/perSecond, n%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return fromParts(seconds, rest*(1_000_000_000/perSecond))
}
