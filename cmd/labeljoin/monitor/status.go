package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/guard"
)

// FindStatus asks the running joiner, or else the last commit of the numbered partition.
func FindStatus(ctx context.Context, cfg *config.Config, number int) (s Status, running bool, err error) {
	err = Ask(ctx, cfg.State.Dir, "status", nil, &s)
	if !errors.Is(err, ErrNotRunning) {
		return s, true, err
	}
	_, archive, err := place.Output(ctx, cfg, number)
	if err != nil {
		return s, false, err
	}
	if archive == nil {
		return statusOf(cfg.Name, nothingRead()), false, nil
	}
	last, ok, err := archive.Last()
	if err != nil || !ok {
		return statusOf(cfg.Name, nothingRead()), false, err
	}
	p := last.Cut.Progress
	stats := engine.Stats{Progress: p, Watermark: p.Watermark(cfg.Join.Lateness.Std())}
	for k := range stats.Sources {
		stats.Sources[k] = p.Clock.Source(events.Kind(k), cfg.Join.Lateness.Std())
	}
	return statusOf(cfg.Name, stats), false, nil
}

// nothingRead is how an engine stands before its first event.
func nothingRead() engine.Stats {
	return engine.Stats{Watermark: events.MinTime, Sources: [events.Kinds]events.Time{events.MinTime, events.MinTime}}
}

// Status is what /status and the command say.
type Status struct {
	Name        string             `json:"name"`
	Version     string             `json:"version"`
	Joining     bool               `json:"joining"`
	Watermark   string             `json:"watermark"`
	Guard       *guardStatus       `json:"guard,omitempty"`        // nil: nothing is guarded
	Waits       []Wait             `json:"waits,omitempty"`        // what is held, and why
	Aside       *asideStatus       `json:"aside,omitempty"`        // nil: nothing was quarantined since the start
	Attribution *attributionStatus `json:"attribution,omitempty"`  // nil: join.attribute is not configured, or it does not run
	Features    *featureStatus     `json:"features,omitempty"`     // nil: nothing is to be said of them
	Closing     *closingStatus     `json:"closing,omitempty"`      // nil: nothing is pending
	DeadLetters *deadLetterStatus  `json:"dead_letters,omitempty"` // nil: none since the start
	Ingest      *ingestStatus      `json:"ingest,omitempty"`       // nil: no events are taken by HTTP
	// Markers counts the delete markers that were passed over since the start, by stream; nil: there were none.
	Markers map[string]int64 `json:"delete_markers,omitempty"`
	// nil: nothing was noticed of events since the start
	Sightings *sightStatus           `json:"sightings,omitempty"`
	Exports   *exports.Status        `json:"exports,omitempty"` // nil: no daily exports are configured
	Labels    *alarms.Status         `json:"labels,omitempty"`  // nil: nothing is known of them
	Gaps      int                    `json:"gaps"`
	Commits   uint64                 `json:"commits"`
	Rows      int64                  `json:"rows"`
	Inputs    []inputStatus          `json:"inputs"`
	Sources   []sourceStatus         `json:"sources,omitempty"` // where several inputs bring events of a kind
	Events    map[string]eventStatus `json:"events"`
}

type inputStatus struct {
	Input   string `json:"input"`
	Created string `json:"created,omitempty"`
	Next    uint64 `json:"next"`
	Skip    uint32 `json:"skip,omitempty"`
	Behind  *int64 `json:"behind,omitempty"` // messages of the stream that are not read; nil: not known
}

type eventStatus struct {
	Watermark string           `json:"watermark"`
	Read      int64            `json:"read"`
	Pending   int64            `json:"pending"`
	Disposed  map[string]int64 `json:"disposed"`
}

// asideStatus is what was quarantined since the joiner was started.
type asideStatus struct {
	Future int64   `json:"max_future"`     // events stamped too far after the broker's time of them
	Past   int64   `json:"max_age"`        // and too far before
	Off    float64 `json:"newest_seconds"` // how far the newest of them was
}

func asideStatusOf(q engine.Quarantine) *asideStatus {
	if q == (engine.Quarantine{}) {
		return nil
	}
	return &asideStatus{Future: q.Future, Past: q.Past, Off: q.Off.Seconds()}
}

// String says it in words.
func (a *asideStatus) String() string {
	return fmt.Sprintf("in no row since the start: %s, of them %d stamped too long after the broker's time of them (max_future), %d too long before (max_age); "+
		"the newest %s. A producer's clock or the broker's is wrong, or the unit of its timestamps (time_unit)", terminal.Count(a.Future+a.Past, "event"), a.Future, a.Past, offInWords(a.Off))
}

// offInWords says by how many seconds an event is stamped after the broker's time.
func offInWords(seconds float64) string {
	side, by := "after", seconds
	if seconds < 0 {
		side, by = "before", -seconds
	}
	const day = 24 * 60 * 60
	if by >= 2*day {
		return fmt.Sprintf("%.0f days %s it", by/day, side)
	}
	return fmt.Sprintf("%v %s it", time.Duration(by*float64(time.Second)).Round(time.Second), side)
}

// guardStatus is how the stall guard stands.
type guardStatus struct {
	Learning bool    `json:"learning"` // it has no opinion yet
	Held     bool    `json:"held"`
	Label    string  `json:"label,omitempty"` // whose outcomes are missing
	Since    string  `json:"since,omitempty"`
	Expected float64 `json:"expected,omitempty"`
	Seen     float64 `json:"seen,omitempty"`
}

func statusOf(name string, s engine.Stats) Status {
	out := Status{
		Name: name, Version: version.Text(), Joining: s.Joining, Watermark: s.Watermark.String(),
		Guard: GuardStatusOf(&s.Progress.Guard), Aside: asideStatusOf(s.Aside), Sightings: sightStatusOf(s.Sightings), Gaps: gapsInForce(s.Progress.Gaps),
		Commits: s.Progress.Commit, Rows: s.Progress.Ledger.Rows, Inputs: []inputStatus{}, Events: map[string]eventStatus{},
	}
	out.Attribution = attributionStatusOf(s.Attribution)
	for _, p := range s.Progress.Inputs {
		in := inputStatus{Input: p.Input, Next: p.Next, Skip: p.Skip}
		if p.Created != 0 {
			in.Created = p.Created.String()
		}
		out.Inputs = append(out.Inputs, in)
	}
	for k, tally := range s.Progress.Ledger.Kinds {
		disposed := map[string]int64{}
		for d, n := range tally.Disposed {
			if n > 0 {
				disposed[joiner.Disposition(d).String()] = n
			}
		}
		out.Events[events.Kind(k).String()] = eventStatus{
			Watermark: s.Sources[k].String(), Read: tally.Read, Pending: tally.Pending, Disposed: disposed,
		}
	}
	return out
}

// leaveOutValues leaves out what has values of events.
func (s *Status) leaveOutValues() {
	if s.Sightings != nil {
		for stream, o := range s.Sightings.Orphans {
			o.Producers = nil
			s.Sightings.Orphans[stream] = o
		}
	}
	if s.Labels != nil {
		for i := range s.Labels.Alarms {
			s.Labels.Alarms[i].Says = ""
		}
	}
	if s.Features != nil {
		for i := range s.Features.Unfit {
			s.Features.Unfit[i].Example = ""
		}
	}
}

// timeText is a time in words: nothing has been read before the first event.
func timeText(t string) string {
	if t == events.MinTime.String() {
		return "none yet"
	}
	return t
}

// Behind adds how many messages of each stream are not read.
func (s *Status) Behind(messages map[string]uint64) {
	for i := range s.Inputs {
		if n, known := messages[s.Inputs[i].Input]; known {
			behind := int64(n)
			s.Inputs[i].Behind = &behind
		}
	}
}

// measureLag asks how much of the streams is not read yet. A broker that does
// not answer is no reason for a status not to be told.
func (s *Status) measureLag(ctx context.Context, last func(ctx context.Context, stream string) (uint64, error)) {
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for i := range s.Inputs {
		in := &s.Inputs[i]
		if seq, err := last(ctx, in.Input); err == nil {
			behind := max(0, int64(seq)-int64(in.Next)+1)
			in.Behind = &behind
		}
	}
}

// gapsInForce counts the gaps that were not taken back.
func gapsInForce(gaps []events.Gap) (n int) {
	for i := range gaps {
		if gaps[i].InForce() {
			n++
		}
	}
	return n
}

// GuardStatusOf is nil where the guard is not enabled.
func GuardStatusOf(g *guard.Guard) *guardStatus {
	if g.Width == 0 {
		return nil
	}
	out := &guardStatus{Learning: !g.Active, Held: g.Held.On()}
	if h := &g.Held; h.On() {
		out.Label, out.Since, out.Expected, out.Seen = h.Label, h.From.String(), h.Expected, h.Seen
	}
	return out
}

// Print writes a status for people.
func (s *Status) Print(to io.Writer, running bool) error {
	lines := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	state := "not running; this is its last commit"
	switch {
	case s.Joining:
		state = "joining"
	case running:
		if state = "recovering"; slices.ContainsFunc(s.Waits, func(w Wait) bool { return w.Reason == HoldByNATS }) {
			state = "waiting for NATS"
		}
	}
	fmt.Fprintf(lines, "%s\t%s\n", s.Name, state)
	fmt.Fprintf(lines, "watermark\t%s\n", timeText(s.Watermark))
	if s.Guard != nil {
		fmt.Fprintf(lines, "guard\t%s\n", s.Guard)
	}
	for _, w := range s.Waits {
		fmt.Fprintf(lines, "waits\t%s (%s): %s\n", w.What, w.Reason, w.Detail)
	}
	if s.Closing != nil {
		s.Closing.Print(lines)
	}
	if s.DeadLetters != nil {
		fmt.Fprintf(lines, "dead letters\t%s\n", s.DeadLetters)
	}
	printMarkers(lines, s.Markers)
	if s.Ingest != nil {
		fmt.Fprintf(lines, "http ingest\t%s\n", s.Ingest)
	}
	if s.Aside != nil {
		fmt.Fprintf(lines, "set aside\t%s\n", s.Aside)
	}
	if s.Attribution != nil {
		fmt.Fprintf(lines, "attribution\t%s\n", s.Attribution)
	}
	fmt.Fprintf(lines, "written\t%s in %s\n", terminal.Count(s.Rows, "row"), terminal.Count(s.Commits, "commit"))
	if s.Exports != nil {
		fmt.Fprintf(lines, "exports\t%s\n", s.Exports)
	}
	if s.Labels != nil {
		s.Labels.Print(lines)
	}
	if s.Features != nil {
		s.Features.Print(lines)
	}
	if s.Sightings != nil {
		s.Sightings.Print(lines)
	}
	if s.Gaps > 0 {
		fmt.Fprintf(lines, "gaps\t%d declared\n", s.Gaps)
	}
	for _, in := range s.Inputs {
		behind := ""
		if in.Behind != nil {
			behind = fmt.Sprintf(", %d behind", *in.Behind)
		}
		fmt.Fprintf(lines, "stream %s\t%s%s\n", in.Input, ReadUpTo(in.Next), behind)
	}
	for _, in := range s.Sources {
		fmt.Fprintf(lines, "input %s\t%ss; watermark %s; newest %s\n", in.Input, in.Kind, timeText(in.Watermark),
			timeText(in.Seen))
	}
	for _, kind := range []events.Kind{events.KindRequest, events.KindOutcome} {
		e := s.Events[kind.String()]
		var parts []string
		for _, d := range slices.Sorted(maps.Keys(e.Disposed)) {
			parts = append(parts, fmt.Sprintf("%d %s", e.Disposed[d], d))
		}
		parts = append([]string{fmt.Sprintf("%d read, %d pending", e.Read, e.Pending)}, strings.Join(parts, ", "),
			"watermark "+timeText(e.Watermark))
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
		fmt.Fprintf(lines, "%ss\t%s\n", kind, strings.Join(parts, "; "))
	}
	return lines.Flush()
}

// ReadUpTo says how far a stream is read, of which the message with the sequence next comes next.
func ReadUpTo(next uint64) string {
	if next <= 1 {
		return "nothing is read yet"
	}
	return fmt.Sprintf("read up to message %d", next-1)
}

// String says it in words.
func (g *guardStatus) String() string {
	switch {
	case g.Held:
		return fmt.Sprintf("negatives are held: since %s there were %.0f outcomes for %s where %.0f were to be expected",
			g.Since, g.Seen, g.Label, g.Expected)
	case g.Learning:
		return "learning what is usual"
	}
	return "outcomes are as usual"
}
