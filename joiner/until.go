package joiner

import "github.com/labeljoin/labeljoin/events"

// ended reports whether an outcome came after the one that ended the window of a label in a
// row, which may be any that came before it in Order. If it is itself the one, it is noted.
func (d *Decision) ended(at RowLabel, o *events.Outcome, f *Fact, e *edit) bool {
	l := &d.rules.Labels[at.Label]
	if end, some := d.ends[at]; some {
		return o.TS > end
	}
	delay := o.TS.Sub(d.req.TS)
	if delay < 0 || delay > l.Window || e != nil && e.gone(l.Window) {
		return false
	}
	if f != nil && f.ends.has(at.Label) || f == nil && l.Until(o) {
		if d.ends == nil {
			d.ends = map[RowLabel]events.Time{}
		}
		d.ends[at] = o.TS
	}
	return false
}
