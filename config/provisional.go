package config

import "slices"

// ProvisionalColumns are the columns that a label has which may be provisional, besides its value
// and its time.
func (l *Label) ProvisionalColumns() []string {
	if l.Provisional <= 0 {
		return nil
	}
	return []string{l.Name + "_elapsed", l.Name + "_delay"}
}

// hasProvisional reports whether a label may be provisional.
func (c *Config) hasProvisional() bool {
	return slices.ContainsFunc(c.Labels, func(l Label) bool { return l.Provisional > 0 })
}

// provisional checks the age from which on a label has a value that is not final.
func (v *checker) provisional(at string, l *Label) {
	if l.Provisional == 0 || l.Of != "" || !v.duration(at, l.Provisional, 1) {
		return
	}
	switch {
	case l.Provisional >= l.Window:
		v.add(at, "%s is not before the end of the window (%s), when the label is final: make it shorter, or remove the line",
			l.Provisional, l.Window)
		return
	case l.Provisional <= l.From:
		v.add(at, "%s is not after `from` (%s), so no outcome can count by then: make it longer", l.Provisional, l.From)
		return
	case l.Emit == LabelEmitClose:
		v.add(at, "rows are written with the provisional value, and emit: close has them wait for the final one: remove one of the two lines")
		return
	}
	if awaited, waits := v.awaited(); awaited != nil && waits > l.Provisional.Std() {
		v.add(at, "no row is written after %s, because rows wait for %s until %s after the request: give %s `emit: each`, "+
			"or a `provisional` that is not later, or remove this line", l.Provisional, awaited.Name, Duration(waits),
			awaited.Name)
	}
}
