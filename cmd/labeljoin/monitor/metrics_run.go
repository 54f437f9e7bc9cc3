package monitor

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/alarms"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/exports"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/store"
)

// Observer is what a running joiner shows beyond its engine's books.
type Observer struct {
	Collector prometheus.Collector
	Waits     func(*engine.Stats) []Wait   // what is held
	Tell      func(*engine.Stats, *Status) // adds to a status what the engine does not know
	// Days lists the days of the output; nil: there is no list.
	Days func(context.Context) ([]shards.ListedDay, error)
	// Pages answers about values of events, at paths of their own; nil: there are no such pages.
	Pages Pages
}

// Pages answers about values of events.
type Pages interface {
	http.Handler
	// Shows reports whether the client of a request may see values of events.
	Shows(*http.Request) bool
}

// runCollector makes metrics of what a running joiner measures. Label values
// are names of the configuration or of a fixed set.
type runCollector struct {
	Stats  func() engine.Stats
	Labels []string // names, in the rules' order
	Disks  *diskspace.Disks
	State  func() store.Metrics
	Behind func(engine.Stats) map[string]uint64 // messages, by stream
	now    func() time.Time
	Waits  func(*engine.Stats) []Wait
	Notes  func() export.FeatureNotes
	Daily  *exports.Daily                      // nil: no exports are configured
	Alarms *alarms.Follower                    // nil: no labels are looked at
	Ingest *ingest.Server                      // nil: no events are taken by HTTP
	Unsent func() (waiting int, skipped int64) // labels of the label stream
	// Markers are delete markers that were passed over, by stream.
	Markers func() map[string]int64

	labelsWaiting, labelsSkipped                   *prometheus.Desc
	features                                       featureMetrics
	exports                                        exports.Metrics
	alarms                                         alarms.Metrics
	ingest                                         ingestMetrics
	sights                                         sightMetrics
	attribution                                    attributionMetrics
	rows, delay, commit, lastCommit, lag, messages *prometheus.Desc
	paused, pauses, room, waiting, retries, wrote  *prometheus.Desc
	build, held, aside, markers                    *prometheus.Desc
	database                                       []databaseMetric
}

// databaseMetric is one number of the state's database.
type databaseMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*store.Metrics) float64
}

// NewRunCollector makes a collector for the joiner of that name. The caller sets its sources.
func NewRunCollector(name string) *runCollector {
	constant := prometheus.Labels{"name": name}
	describe := func(metric, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("labeljoin_"+metric, help, labels, constant)
	}
	c := &runCollector{
		now:     time.Now,
		Unsent:  func() (int, int64) { return 0, 0 },
		Markers: func() map[string]int64 { return nil },
		rows: describe("label_rows_total", "Rows in commits since the start, by what a label says in them.", "label",
			"value"),
		delay: describe("label_delay_seconds",
			"Event time from a request to the outcome that decided a positive label, of rows committed since the start."),
		commit:     describe("commit_duration_seconds", "Time that commits took, from the cut to the manifest."),
		lastCommit: describe("last_commit_timestamp_seconds", "When the last commit since the start was made."),
		lag:        describe("watermark_lag_seconds", "How far the watermark of a source is behind now.", "kind"),
		messages: describe("stream_messages_behind",
			"Messages of a stream that are not read yet, as of a few seconds ago.", "stream"),
		paused:  describe("paused", "1 while reading pauses for want of room, by reason.", "reason"),
		pauses:  describe("pauses_total", "Pauses begun since the start."),
		room:    describe("disk_free_bytes", "Room left on the disk of an area.", "area"),
		waiting: describe("disk_full_waits", "Writes that wait for room on a full disk right now."),
		retries: describe("disk_full_retries_total", "Writes tried again in vain because the disk was full."),
		wrote:   describe("disk_written_bytes_total", "Bytes written to files of an area since the start.", "area"),
		held:    describe("held", "1 while something waits for a reason.", "reason"),
		aside: describe("quarantined_total", "Events set aside since the start, by the bound that they are out of.",
			"bound"),
		build: describe("build_info", "1, with the version.", "version"),
		markers: describe("delete_markers_total",
			"Messages passed over since the start that a server left where it deleted others, by stream.", "stream"),
		features: newFeatureMetrics(describe),
		exports:  exports.NewDailyMetrics(describe),
		alarms:   alarms.NewMetrics(describe),
		ingest:   newIngestMetrics(describe),
		sights:   newSightMetrics(describe),

		attribution: newAttributionMetrics(describe),

		labelsWaiting: describe("labels_waiting",
			"Labels that wait in the state directory because the label stream does not take them."),
		labelsSkipped: describe("labels_skipped_total",
			"Labels left out of the label stream since the start: too large, or too many waited."),
	}
	add := func(kind prometheus.ValueType, metric, help string, of func(*store.Metrics) float64) {
		c.database = append(c.database, databaseMetric{describe("state_"+metric, help), kind, of})
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add(gauge, "disk_bytes", "Size of the state's files.", func(m *store.Metrics) float64 { return float64(m.DiskBytes) })
	add(gauge, "memtable_bytes", "Size of the memory tables.",
		func(m *store.Metrics) float64 { return float64(m.MemTableBytes) })
	add(gauge, "l0_files", "Files in level 0 of the state's database; writes wait where 36 of them overlap.",
		func(m *store.Metrics) float64 { return float64(m.L0Files) })
	add(gauge, "read_amplification", "Files that a read may have to look into.",
		func(m *store.Metrics) float64 { return float64(m.ReadAmp) })
	add(gauge, "compaction_debt_bytes", "Bytes that compactions have yet to rewrite.",
		func(m *store.Metrics) float64 { return float64(m.DebtBytes) })
	add(counter, "compactions_total", "Compactions since the start.",
		func(m *store.Metrics) float64 { return float64(m.Compactions) })
	add(counter, "flushes_total", "Flushes of memory tables since the start.",
		func(m *store.Metrics) float64 { return float64(m.Flushes) })
	add(gauge, "cache_bytes", "Size of the block cache.", func(m *store.Metrics) float64 { return float64(m.CacheBytes) })
	add(counter, "cache_hits_total", "Blocks found in the cache.",
		func(m *store.Metrics) float64 { return float64(m.CacheHits) })
	add(counter, "cache_misses_total", "Blocks read from disk.",
		func(m *store.Metrics) float64 { return float64(m.CacheMisses) })
	add(counter, "compacted_bytes_total", "Bytes written by flushes and compactions since the start.",
		func(m *store.Metrics) float64 { return float64(m.CompactedBytes) })
	return c
}

// Describe implements prometheus.Collector.
func (c *runCollector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *runCollector) Collect(to chan<- prometheus.Metric) {
	put := func(kind prometheus.ValueType) func(*prometheus.Desc, float64, ...string) {
		return func(d *prometheus.Desc, v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, kind, v, labels...)
		}
	}
	gauge, counter := put(prometheus.GaugeValue), put(prometheus.CounterValue)
	s := c.Stats()
	for i, l := range s.Measures.Labels {
		counter(c.rows, float64(l.Positive), c.Labels[i], "positive")
		counter(c.rows, float64(l.Negative), c.Labels[i], "negative")
		counter(c.rows, float64(l.Null), c.Labels[i], "null")
	}
	to <- histogram(c.delay, &s.Measures.Delay)
	to <- histogram(c.commit, &s.Measures.Commit)
	if t := s.Measures.LastCommit; !t.IsZero() {
		gauge(c.lastCommit, float64(t.UnixMilli())/1e3)
	}
	for k, t := range s.Sources {
		if t != events.MinTime && t != events.MaxTime {
			gauge(c.lag, c.now().Sub(time.Unix(0, int64(t))).Seconds(), events.Kind(k).String())
		}
	}
	for stream, n := range c.Behind(s) {
		gauge(c.messages, float64(n), stream)
	}
	c.collectDisks(gauge, counter)
	m := c.State()
	for _, d := range c.database {
		to <- prometheus.MustNewConstMetric(d.desc, d.kind, d.of(&m))
	}
	waits := c.Waits(&s)
	for _, reason := range holdReasons() {
		on := slices.ContainsFunc(waits, func(w Wait) bool { return w.Reason == reason })
		gauge(c.held, oneIf(on), reason)
	}
	unsent, skipped := c.Unsent()
	gauge(c.labelsWaiting, float64(unsent))
	counter(c.labelsSkipped, float64(skipped))
	c.features.Collect(c.Notes(), counter)
	c.exports.Collect(c.Daily, gauge, counter)
	c.alarms.Collect(c.Alarms, gauge, counter)
	c.ingest.collect(c.Ingest, to, gauge, counter)
	c.sights.Collect(s.Sightings, counter, gauge)
	c.attribution.Collect(s.Attribution, gauge)
	collectMarkers(c.markers, c.Markers(), counter)
	counter(c.aside, float64(s.Aside.Future), "max_future")
	counter(c.aside, float64(s.Aside.Past), "max_age")
	gauge(c.build, 1, version.Text())
}

func (c *runCollector) collectDisks(gauge, counter func(*prometheus.Desc, float64, ...string)) {
	now := c.Disks.Short()
	for _, reason := range []string{diskspace.ShortOfDisk, diskspace.ShortOfState} {
		on := 0.0
		if now.Reason == reason {
			on = 1
		}
		gauge(c.paused, on, reason)
	}
	counter(c.pauses, float64(c.Disks.Pauses.Load()))
	for area, fs := range map[string]*diskspace.FS{diskspace.AreaState: c.Disks.State,
		diskspace.AreaOutput: c.Disks.Output} {
		counter(c.wrote, float64(fs.Wrote.Load()), area)
		if free, _, ok := c.Disks.Free(area); ok {
			gauge(c.room, float64(free), area)
		}
	}
	gauge(c.waiting, float64(c.Disks.Wait.Waiting.Load()))
	counter(c.retries, float64(c.Disks.Wait.Attempts.Load()))
}

// histogram makes a metric of counts by bounds.
func histogram(d *prometheus.Desc, h *engine.Histogram) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range h.Counts {
		total += uint64(n)
		if i < len(h.Bounds) {
			buckets[h.Bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, h.Sum.Seconds(), buckets)
}
