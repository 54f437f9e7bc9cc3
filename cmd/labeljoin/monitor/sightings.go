package monitor

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// sightStatus is what was noticed of events since the start, for who asks why a label
// is 0.
type sightStatus struct {
	Faults  map[string]faultStatus      `json:"condition_errors,omitempty"` // by label
	Types   map[string]typeStatus       `json:"outcome_types,omitempty"`
	Other   int64                       `json:"outcomes_of_other_types,omitempty"` // of types that there was no room for
	Unknown map[string]map[string]int64 `json:"unknown_fields,omitempty"`          // by kind and name
	Unheld  map[string]int64            `json:"unheld_values,omitempty"`           // by kind
	Keyless int64                       `json:"outcomes_without_key,omitempty"`    // that name no request either
	Orphans map[string]orphanStatus     `json:"orphans,omitempty"`                 // by stream
	Silent  map[string]silentStatus     `json:"silent_labels,omitempty"`           // by label
	// Columns are those of labels that are null in every row so far, by label; Impression says
	// that no outcome meets join.impression so far.
	Columns    map[string][]string `json:"null_columns,omitempty"`
	Impression bool                `json:"no_impression,omitempty"`
}

// silentStatus is why a label counts no outcome, though so many came that it should.
type silentStatus struct {
	Reason string `json:"reason"`
	Says   string `json:"says"`
}

// orphanStatus counts the outcomes of a stream that found no request.
type orphanStatus struct {
	Alone int64 `json:"no_request"` // none came while they waited
	Late  int64 `json:"too_late"`   // they came too late to wait for one
	// Producers are the same by what monitor.producer says; absent: it is not given.
	Producers map[string]orphanStatus `json:"producers,omitempty"`
}

// faultStatus is why a label's condition could not be evaluated, and how often.
type faultStatus struct {
	Outcomes int64  `json:"outcomes"`
	Because  string `json:"because"` // of the first
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Index    uint32 `json:"index"`
}

type typeStatus struct {
	Outcomes int64 `json:"outcomes"`
	Wanted   bool  `json:"wanted"` // some label's condition held for one of them
}

// sightStatusOf is nil where nothing was noticed.
func sightStatusOf(s *engine.Sightings) *sightStatus {
	if s == nil {
		return nil
	}
	out := &sightStatus{
		Faults: map[string]faultStatus{}, Types: map[string]typeStatus{}, Other: s.OtherTypes,
		Unknown: map[string]map[string]int64{}, Unheld: map[string]int64{},
		Keyless: s.Keyless, Silent: map[string]silentStatus{}, Columns: map[string][]string{},
		Impression: s.Impression.Silent,
	}
	out.addSilent(s)
	for _, f := range s.Faults {
		if f.Count > 0 {
			out.Faults[f.Label] = faultStatus{Outcomes: f.Count, Because: f.Reason, Stream: f.Came.Input,
				Sequence: f.Came.Origin.Seq, Index: f.Came.Origin.Index}
		}
	}
	for _, t := range s.Types {
		out.Types[t.Type] = typeStatus{Outcomes: t.Count, Wanted: t.Wanted}
	}
	out.Orphans = orphansOf(s)
	for k := range s.Unknown {
		kind := events.Kind(k).String()
		for _, f := range s.Unknown[k].Named {
			if out.Unknown[kind] == nil {
				out.Unknown[kind] = map[string]int64{}
			}
			out.Unknown[kind][f.Name] = f.Count
		}
		if s.Unheld[k] > 0 {
			out.Unheld[kind] = s.Unheld[k]
		}
	}
	named := len(out.Faults) + len(out.Types) + len(out.Unknown) + len(out.Unheld) + len(out.Orphans)
	if named+len(out.Silent)+len(out.Columns) == 0 && out.Keyless == 0 && !out.Impression {
		return nil
	}
	return out
}

// addSilent adds the labels that count nothing, and their columns that have no value.
func (s *sightStatus) addSilent(of *engine.Sightings) {
	for i := range of.Labels {
		l := &of.Labels[i]
		if l.Silence != "" {
			s.Silent[l.Label] = silentStatus{Reason: string(l.Silence), Says: l.Says()}
		}
		for _, c := range l.Columns {
			if c.Silent {
				s.Columns[l.Label] = append(s.Columns[l.Label], c.Name)
			}
		}
	}
}

// orphansOf are the outcomes without a request by stream; nil: there are none.
func orphansOf(s *engine.Sightings) (out map[string]orphanStatus) {
	for _, o := range s.Orphans {
		if out == nil {
			out = map[string]orphanStatus{}
		}
		of := out[o.Stream]
		of.Alone, of.Late = of.Alone+o.Alone, of.Late+o.Late
		if o.Producer != "" {
			if of.Producers == nil {
				of.Producers = map[string]orphanStatus{}
			}
			of.Producers[o.Producer] = orphanStatus{Alone: o.Alone, Late: o.Late}
		}
		out[o.Stream] = of
	}
	return out
}

// mostShown is how many names a line of a status has.
const mostShown = 8

// Print writes what concerns a person: a status read by a program has the rest.
func (s *sightStatus) Print(lines io.Writer) {
	for _, label := range sorted(s.Faults) {
		f := s.Faults[label]
		fmt.Fprintf(lines, "label %s\tdoes not count %s since the start, for which it cannot be evaluated: %s; the first is message %d of %s\n",
			label, terminal.Count(f.Outcomes, "outcome"), f.Because, f.Sequence, f.Stream)
	}
	for _, label := range sorted(s.Silent) {
		fmt.Fprintf(lines, "label %s\tcounts nothing since the start: %s\n", label, s.Silent[label].Says)
	}
	for _, label := range sorted(s.Columns) {
		fmt.Fprintf(lines, "label %s\tis null in every row so far in its columns %s: look at their expressions and at the attributes of the outcomes\n",
			label, strings.Join(s.Columns[label], ", "))
	}
	if s.Impression {
		fmt.Fprintf(lines, "negatives\tno outcome meets join.impression so far, so every negative is left out as unseen\n")
	}
	var unwanted []string
	for _, name := range sorted(s.Types) {
		if t := s.Types[name]; !t.Wanted {
			unwanted = append(unwanted, fmt.Sprintf("%q (%d)", name, t.Outcomes))
		}
	}
	if len(unwanted) > 0 {
		fmt.Fprintf(lines, "outcome types\tthat no label wants: %s\n", shown(unwanted))
	}
	for _, kind := range sorted(s.Unknown) {
		var names []string
		for _, name := range sorted(s.Unknown[kind]) {
			names = append(names, fmt.Sprintf("%q (%d)", name, s.Unknown[kind][name]))
		}
		fmt.Fprintf(lines, "unknown fields\tof %ss, ignored: %s\n", kind, shown(names))
	}
	for _, stream := range sorted(s.Orphans) {
		o := s.Orphans[stream]
		fmt.Fprintf(lines, "orphans\toutcomes of stream %s since the start without a request: %d for which none came, %d that came too late\n",
			stream, o.Alone, o.Late)
		var producers []string
		for _, name := range sorted(o.Producers) {
			producers = append(producers, fmt.Sprintf("%q (%d)", name, o.Producers[name].Alone+o.Producers[name].Late))
		}
		if len(producers) > 0 {
			fmt.Fprintf(lines, "orphans\tof stream %s by producer: %s\n", stream, shown(producers))
		}
	}
	if s.Keyless > 0 {
		fmt.Fprintf(lines, "no request\torphans, because they name none and lack a field of join.attribute.by: %s\n",
			terminal.Count(s.Keyless, "outcome"))
	}
	for _, kind := range sorted(s.Unheld) {
		fmt.Fprintf(lines, "null values\t%d of %ss cannot be held (NaN, infinite, beyond float64, not UTF-8) and count as null\n", s.Unheld[kind], kind)
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// shown lists the first of many names.
func shown(names []string) string {
	if more := len(names) - mostShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostShown], ", "), more)
	}
	return strings.Join(names, ", ")
}

// sightMetrics are the same as metrics. Types and fields are named by events, and
// names of events are no labels of metrics: they are counted together.
type sightMetrics struct {
	faults, unwanted, unheld, orphans, keyless *prometheus.Desc
	silent, columns, impression                *prometheus.Desc
}

func newSightMetrics(describe func(metric, help string, labels ...string) *prometheus.Desc) sightMetrics {
	return sightMetrics{
		faults:   describe("condition_errors_total", "Outcomes since the start for which the condition of a label could not be evaluated, so that they do not count for it.", "label"),
		unwanted: describe("unwanted_outcomes_total", "Outcomes since the start of types that no label wants so far."),
		silent: describe("label_silent",
			"1 while a label counts nothing since the start though so many outcomes came that it should, by label and reason.", "label", "reason"),
		columns: describe("label_column_silent",
			"1 while a column of a label is null in every row since the start.", "label", "column"),
		impression: describe("impression_silent",
			"1 while no outcome since the start meets join.impression, so that every negative is left out."),
		keyless: describe("keyless_outcomes_total",
			"Outcomes since the start that name no request and lack a field of join.attribute.by, so that they are orphans."),
		unheld: describe("unheld_values_total",
			"Values of events since the start that cannot be held and count as null, by kind.", "kind"),
		orphans: describe("orphans_total", "Outcomes since the start that found no request, by the stream that brought them and by why: none came while they waited, or they came too late.",
			"stream", "reason"),
	}
}

func (m *sightMetrics) Collect(s *engine.Sightings, counter, gauge func(*prometheus.Desc, float64, ...string)) {
	if s == nil {
		return
	}
	for _, f := range s.Faults {
		counter(m.faults, float64(f.Count), f.Label)
	}
	unwanted := int64(0)
	for _, t := range s.UnwantedTypes() {
		unwanted += t.Count
	}
	counter(m.unwanted, float64(unwanted))
	counter(m.keyless, float64(s.Keyless))
	m.collectSilent(s, gauge)
	for stream, o := range orphansOf(s) { // producers are named by events, and those names are no labels of metrics
		counter(m.orphans, float64(o.Alone), stream, "no_request")
		counter(m.orphans, float64(o.Late), stream, "too_late")
	}
	for k, n := range s.Unheld {
		counter(m.unheld, float64(n), events.Kind(k).String())
	}
}

// collectSilent tells of labels that count nothing, of their columns and of impressions.
func (m *sightMetrics) collectSilent(s *engine.Sightings, gauge func(*prometheus.Desc, float64, ...string)) {
	for i := range s.Labels {
		l := &s.Labels[i]
		if l.Silence != "" {
			gauge(m.silent, 1, l.Label, string(l.Silence))
		}
		for _, c := range l.Columns {
			if c.Silent {
				gauge(m.columns, 1, l.Label, c.Name)
			}
		}
	}
	gauge(m.impression, oneIf(s.Impression.Silent))
}
