package config

import "time"

// Default is the configuration that an empty file stands for, without labels,
// which have no default. Every number here has a reason that can be defended:
// the comments do.
func Default() Config {
	return Config{
		Name: "labeljoin",
		NATS: NATS{
			// Loopback: events are encrypted nowhere on their way, so only
			// this machine may reach it unless a person decides otherwise.
			Listen: defaultListen,
			Port:   defaultPort,
			// Other users of the machine must not read or delete events, and the same
			// user has the files anyway.
			Auth: AuthLocal,
		},
		Inputs:   defaultInputs(),
		Join:     defaultJoin(),
		Guard:    defaultGuard(),
		Features: Features{Separator: "_", Mode: FeaturesEvolve},
		State: State{
			Dir: "state",
			// Requests that close are read back once, where no cache helps. It holds the
			// blocks that corrections and lookups of old requests come back to.
			Cache: 128 << 20,
			// What is under way must be able to end: a commit of the default size
			// before compression, and the memory tables that are flushed for it.
			Reserve: 256 << 20,
			// The state's size follows from rate and windows: any number would stop a
			// joiner that works, and the reserve keeps the disk from filling up.
			MaxBytes: 0,
		},
		Output: Output{
			Dir: "labeled",
			Roll: Roll{
				// People who try it want to see data; a file a minute is 1440 a
				// day, which readers bear and the daily merge makes one of.
				Interval: Duration(time.Minute),
				// Eight of the row groups that DuckDB reads in parallel, and few
				// enough that repeating a commit after a crash takes seconds.
				Rows: 1_000_000,
				// The block size that Parquet's readers on object stores are tuned for.
				Size: 128 << 20,
			},
		},
		S3:      S3{Conditional: S3IfNoneMatch},
		Export:  defaultExport(),
		Monitor: Monitor{Labels: true, Features: true},
		Limits: Limits{
			EventBytes: 1 << 20, // max_payload of a NATS server as it comes
			// A thousand times what a person does to one page: beyond it is a
			// broken producer, and each one costs memory until the close.
			OutcomesPerRequest: 10_000,
			// Deeper than any feature object is, shallower than any stack.
			Depth: 32,
		},
		Log: Log{Level: LogInfo, Format: LogAuto},
	}
}

const (
	defaultURL    = "nats://127.0.0.1:4222" // where a NATS server as it comes listens
	defaultListen = "127.0.0.1"
	defaultPort   = 4222
	// defaultMaxAge is longer than the usual 7-day attribution window and its
	// memory together, and short enough to catch timestamps in the wrong unit.
	defaultMaxAge = Duration(30 * 24 * time.Hour)
)

func defaultInputs() Inputs {
	in := Inputs{}
	in.complete()
	return in
}

func defaultJoin() Join {
	return Join{
		// The inactivity after which web analytics says that a visit is over.
		Window: Duration(30 * time.Minute),
		// Producers batch for seconds; a minute covers a restart of one.
		Lateness: Duration(time.Minute),
		// Widening the window is a decision about truth, so nothing is widened
		// unless asked for.
		ClockSkew: 0,
		// A broken producer is usually back within the hour.
		Corrections: Duration(time.Hour),
		Rows:        RowsItem,
		Duplicates:  DuplicatesEarliest,
		Outcomes:    JoinOutcomes{SameID: SameIDFirst},
		Emit:        EmitClose,
		// What Kerberos tolerates between clocks (RFC 4120): one that is further
		// off is broken, and must not close other requests' windows.
		MaxFuture:       Duration(5 * time.Minute),
		MaxAge:          0, // see Complete
		Negatives:       NegativesAll,
		SampleNegatives: 1,
		SampleHash:      SampleFNV1a,
	}
}

// Complete fills in the defaults that depend on other settings. Decode and Load
// have done it; a configuration made by a program needs it once.
func (c *Config) Complete() {
	if len(c.NATS.URL) == 0 && !c.NATS.Embedded {
		c.NATS.URL = URLs{defaultURL}
	}
	for i := range c.Labels {
		label := &c.Labels[i]
		if label.Of != "" && !c.source.has(join("labels", label.Name, "window")) {
			for _, of := range c.Labels[:i].Named(label.Of) {
				label.Window = max(label.Window, of.Window)
			}
			if label.Window == 0 {
				label.Window = c.Labels.shortest()
			}
		}
		if label.Window == 0 && !c.source.has(join("labels", label.Name, "window")) {
			label.Window = c.Join.Window
		}
		if label.Value == "" {
			label.Value = Any
		}
		label.completeVotes(func(setting string) bool { return c.source.has(join(join("labels", label.Name), setting)) })
		if label.Pair != nil && label.Pair.Opens == "" {
			label.Pair.Opens = PairOpensLast
		}
	}
	if a := c.Join.Attribute; a != nil {
		a.complete(c.Longest(), c.source.has("join.attribute.within"))
	}
	if c.Export.Daily != nil && c.Export.Daily.After == 0 && !c.source.has("export.daily.after") {
		c.Export.Daily.After = defaultAfter
	}
	if c.Output.Compact != nil && c.Output.Compact.After == 0 && !c.source.has("output.compact.after") {
		c.Output.Compact.After = Duration(24 * time.Hour)
	}
	if c.HTTP.Ingest != nil {
		c.HTTP.Ingest.complete(c.source.has)
	}
	if c.Guard.Patience == 0 && !c.source.has("guard.patience") {
		c.Guard.Patience = c.patience()
	}
	// Nothing that could still be joined or corrected may be called too old.
	if c.Join.MaxAge == 0 && !c.source.has("join.max_age") {
		c.Join.MaxAge = max(defaultMaxAge, Duration(c.Longest()+c.Retention()))
	}
}
