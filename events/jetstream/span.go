package jetstream

import (
	"cmp"
	"slices"
)

// Span is a stretch of a stream's sequences: From is in it, Next is not.
type Span struct{ From, Next uint64 }

// lost are spans of which a person has declared that messages may be missing.
type lost []Span

// cover reports whether all of from..next, next excluded, may be missing. Spans
// that adjoin or overlap cover it together.
func (l lost) cover(from, next uint64) bool {
	for from < next {
		at := slices.IndexFunc(l, func(s Span) bool { return s.From <= from && from < s.Next })
		if at < 0 {
			return false
		}
		from = l[at].Next
	}
	return true
}

// spansOf makes spans of sequences in ascending order.
func spansOf(sequences []uint64) []Span {
	var spans []Span
	for _, seq := range sequences {
		if n := len(spans); n > 0 && spans[n-1].Next == seq {
			spans[n-1].Next++
			continue
		}
		spans = append(spans, Span{From: seq, Next: seq + 1})
	}
	return spans
}

// coarse merges spans until there are no more than most, those first that lie
// closest together. What lies between becomes part of a span: it may be missing.
func coarse(spans []Span, most int) []Span {
	if len(spans) <= most {
		return spans
	}
	widest := make([]int, 0, len(spans)-1) // the spans before which there is most room, first
	for i := 1; i < len(spans); i++ {
		widest = append(widest, i)
	}
	room := func(i int) uint64 { return spans[i].From - spans[i-1].Next }
	slices.SortStableFunc(widest, func(a, b int) int { return cmp.Compare(room(b), room(a)) })
	begins := append([]int{0}, widest[:most-1]...)
	slices.Sort(begins)
	merged := make([]Span, 0, most)
	for n, i := range begins {
		last := len(spans) - 1
		if n+1 < len(begins) {
			last = begins[n+1] - 1
		}
		merged = append(merged, Span{From: spans[i].From, Next: spans[last].Next})
	}
	return merged
}
