package monitor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// collector turns an engine's books into metrics when it is asked. Label
// values are kinds and dispositions, so there are few and always the same.
type collector struct {
	stats func() engine.Stats

	read, disposed, pending, watermark, seen          *prometheus.Desc
	rows, commits, joining, heartbeats, unfit, unseen *prometheus.Desc
	inputSeen, sampledOut, unknown                    *prometheus.Desc
	held, heldSince, expected, gaps                   *prometheus.Desc
}

func newCollector(name string, stats func() engine.Stats) *collector {
	constant := prometheus.Labels{"name": name}
	describe := func(metric, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("labeljoin_"+metric, help, labels, constant)
	}
	return &collector{
		stats: stats,
		read:  describe("events_read_total", "Events read, heartbeats not included.", "kind"),
		disposed: describe("events_disposed_total",
			"Events by what became of them; those of requests that closed are counted with their commit.", "kind",
			"disposition"),
		pending: describe("events_pending", "Events read and not yet disposed of.", "kind"),
		watermark: describe("watermark_timestamp_seconds",
			"Event time before which every event of the source has been read.", "kind"),
		seen:       describe("last_event_timestamp_seconds", "Largest event time seen of the source.", "kind"),
		inputSeen:  describe("input_last_event_timestamp_seconds", "Largest event time seen of an input, where several bring events of a kind.", "input", "kind"),
		rows:       describe("rows_written_total", "Rows in commits, all revisions."),
		commits:    describe("commits_total", "Commits made."),
		joining:    describe("joining", "1 once recovery is done."),
		heartbeats: describe("heartbeats_total", "Heartbeats read."),
		unfit: describe("feature_values_unfit_total",
			"Feature values that did not fit their declared type, written as null."),
		unseen:     describe("rows_unseen_total", "Rows that the policy for negatives left out."),
		sampledOut: describe("rows_sampled_out_total", "Negative rows that sampling left out."),
		held:       describe("guard_held", "1 while outcomes are improbably few and negatives are held."),
		heldSince: describe("guard_held_since_timestamp_seconds",
			"Event time since when outcomes are improbably few, while they are."),
		expected: describe("guard_outcomes_usual_ratio", "Usual outcomes a request, by label, as far as it is known.",
			"label"),
		gaps:    describe("gaps_declared", "Gaps that were declared and are taken in."),
		unknown: describe("unknown_fields_total", "Fields of events that nothing here knows, ignored."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.stats()
	l := &s.Progress.Ledger
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for i := range s.Progress.Clock.Sources {
		in := &s.Progress.Clock.Sources[i]
		for k, has := range in.Kinds {
			if has {
				instant(gauge, c.inputSeen, in.Seen[k], in.Name, events.Kind(k).String())
			}
		}
	}
	for k, tally := range l.Kinds {
		kind := events.Kind(k).String()
		counter(c.read, tally.Read, kind)
		gauge(c.pending, float64(tally.Pending), kind)
		for d, n := range tally.Disposed {
			if n > 0 {
				counter(c.disposed, n, kind, joiner.Disposition(d).String())
			}
		}
		instant(gauge, c.watermark, s.Sources[k], kind)
		instant(gauge, c.seen, s.Progress.Clock.Seen[k], kind)
	}
	counter(c.rows, l.Rows)
	counter(c.commits, int64(s.Progress.Commit))
	counter(c.heartbeats, l.Heartbeats)
	counter(c.unfit, l.Unfit)
	counter(c.unseen, l.Unseen)
	counter(c.sampledOut, l.SampledOut)
	counter(c.unknown, l.UnknownFields)
	gauge(c.joining, oneIf(s.Joining))
	gauge(c.gaps, float64(gapsInForce(s.Progress.Gaps)))
	g := &s.Progress.Guard
	gauge(c.held, oneIf(g.Held.On()))
	if g.Held.On() {
		instant(gauge, c.heldSince, g.Held.From)
	}
	for _, q := range g.Rates {
		if q.Requests > 0 {
			gauge(c.expected, q.Outcomes/q.Requests, q.Label)
		}
	}
}

func oneIf(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// instant reports a time, unless it is an end of time, which no clock shows.
func instant(gauge func(*prometheus.Desc, float64, ...string), d *prometheus.Desc, t events.Time, labels ...string) {
	if t != events.MinTime && t != events.MaxTime {
		gauge(d, float64(t)/1e9, labels...)
	}
}
