package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// witness is what a test's joiner knows, and what it is told.
type witness struct {
	mu    sync.Mutex
	known events.Time
	heard bool
	hold  events.Hold
	told  int
}

func (w *witness) options() Options {
	return Options{
		ProveEvery: 20 * time.Millisecond, Synchronised: unsynchronised,
		Known: func() events.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.known },
		Heard: func(*Input) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.heard },
		Hold:  func(h events.Hold) { w.mu.Lock(); defer w.mu.Unlock(); w.hold, w.told = h, w.told+1 },
	}
}

func (w *witness) learn(t events.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = t
}

// ends reads on until the end of the log was reached n times, and returns the
// newest time that was proven meanwhile, and the hold.
func (w *witness) ends(t *testing.T, s *Source, n int) (events.Time, events.Hold) {
	t.Helper()
	proven := events.MinTime
	for i := 0; i < n; {
		b, err := s.Next(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Messages) == 0 {
			i++
			proven = max(proven, b.ReadThrough)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return proven, w.hold
}

func openWith(t *testing.T, nc *nats.Conn, log Log, from events.Position, o Options) *Source {
	t.Helper()
	s, err := Open(deadline(t), nc, log, 0, from, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestTheBoundIsWired: a source claims no more than its joiner knows, at a start
// and later.
func TestTheBoundIsWired(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("log"))
	w := &witness{known: events.MinTime, heard: true}
	s := openWith(t, nc, log, positionOf(log), w.options())
	if proven, hold := w.ends(t, s, 3); proven != events.MinTime || hold.On() {
		t.Fatalf("with nothing known %s is proven, hold %+v", proven, hold)
	}
	past := events.At(time.Now().Add(-3 * time.Hour))
	w.learn(past)
	if proven, hold := w.ends(t, s, 3); proven < past || proven > past.Add(time.Minute) || hold.Reason != holdClockAhead {
		t.Fatalf("with %s known %s is proven, hold %+v", past, proven, hold)
	}
	now := events.At(time.Now())
	w.learn(now)
	if proven, hold := w.ends(t, s, 3); proven < now || hold.On() {
		t.Fatalf("with %s known %s is proven, hold %+v", now, proven, hold)
	}
}

// TestARenamedSubjectIsRefused: a stream that stores messages under other subjects
// than the one that is read brings none of them, and silence of it is no silence.
func TestARenamedSubjectIsRefused(t *testing.T) {
	t.Parallel()
	transform := func(src, dest string) *jetstream.SubjectTransformConfig {
		return &jetstream.SubjectTransformConfig{Source: src, Destination: dest}
	}
	for name, c := range map[string]struct {
		subject string
		config  jetstream.StreamConfig
		says    string // empty: it is read
	}{
		"renamed away":         {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("out.*", "clean.{{wildcard(1)}}")}, `stores what comes as "out.*"`},
		"renamed in part":      {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("out.app", "clean.app")}, `stores what comes as "out.app"`},
		"renamed by numbers":   {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("out.*", "p.{{partition(3,1)}}.{{wildcard(1)}}")}, `stores what comes as`},
		"all is renamed":       {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("", "clean.>")}, `stores what comes as ">"`},
		"renamed below":        {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("out.*", "out.clean.{{wildcard(1)}}")}, ""},
		"read as it is stored": {"clean.*", jetstream.StreamConfig{Subjects: []string{"out.*"}, SubjectTransform: transform("out.*", "clean.$1")}, ""},
		"others are renamed":   {"out.>", jetstream.StreamConfig{Subjects: []string{"out.*", "in.*"}, SubjectTransform: transform("in.*", "was.{{wildcard(1)}}")}, ""},
		"a source renames": {"out.>", jetstream.StreamConfig{Sources: []*jetstream.StreamSource{
			{Name: "edge", SubjectTransforms: []jetstream.SubjectTransformConfig{*transform("out.*", "clean.{{wildcard(1)}}")}}}}, `does not hold subject "out.>"`},
		"a source brings others only": {"out.>", jetstream.StreamConfig{Sources: []*jetstream.StreamSource{{Name: "edge", FilterSubject: "in.>"}}}, `does not hold subject "out.>"`},
		"a source brings all":         {"out.>", jetstream.StreamConfig{Sources: []*jetstream.StreamSource{{Name: "edge"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			loose(t, nc, jetstream.StreamConfig{Name: "edge", Subjects: []string{"edge.>"}})
			c.config.Name = "log"
			loose(t, nc, c.config)
			input := Input{Kind: events.KindOutcome, Subject: c.subject, Stream: "log"}
			logs, err := Find(deadline(t), nc, []Input{input})
			fault, ok := errors.AsType[*LogError](err)
			if c.says == "" && err != nil || c.says != "" && (!ok || fault.Fault != FaultChanged || !strings.Contains(err.Error(), c.says)) {
				t.Fatalf("found %v, error %v; want one that says %q", logs, err, c.says)
			}
		})
	}
}

// TestARenamingThatIsAddedIsNoticed: the same while it is read.
func TestARenamingThatIsAddedIsNoticed(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	config := jetstream.StreamConfig{Name: "log", Subjects: []string{"out.*"}}
	loose(t, nc, config)
	log := find(t, nc, outcomes("out.>"))
	s := open(t, nc, log, 1)
	proof(t, s)
	config.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "out.*", Destination: "clean.{{wildcard(1)}}"}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.UpdateStream(deadline(t), config); err != nil {
		t.Fatal(err)
	}
	_, err = fault(t, s)
	if e, ok := errors.AsType[*LogError](err); !ok || e.Fault != FaultChanged || !strings.Contains(err.Error(), "clean.") {
		t.Fatalf("the source says %v", err)
	}
}

// TestSubjectsThatGoElsewhereAreNoticed: what is published is not in the stream that is read
// then, and its silence would look like no one doing anything.
func TestSubjectsThatGoElsewhereAreNoticed(t *testing.T) {
	t.Parallel()
	subjects := func(list ...string) jetstream.StreamConfig {
		return jetstream.StreamConfig{Name: "log", Subjects: list}
	}
	beside := func(subject string) jetstream.StreamConfig {
		return jetstream.StreamConfig{Name: "other", Subjects: []string{subject}}
	}
	noMore := func(subject string) string { return fmt.Sprintf("does not hold subject %q any more", subject) }
	for name, c := range map[string]struct {
		reads  string
		before jetstream.StreamConfig
		stream string                   // that the configuration names
		after  []jetstream.StreamConfig // one after the other; those of other names are made
		says   string                   // empty: it is read on
	}{
		"held no more":                             {"out.>", subjects("out.>"), "", []jetstream.StreamConfig{subjects("out.web")}, noMore("out.>")},
		"one of two is held":                       {"out.>", subjects("out.web", "out.app"), "", []jetstream.StreamConfig{subjects("out.web")}, noMore("out.app")},
		"named, and held no more":                  {"out.>", subjects("out.web", "out.app"), "log", []jetstream.StreamConfig{subjects("out.web")}, noMore("out.app")},
		"it came and went":                         {"out.>", subjects("out.web"), "", []jetstream.StreamConfig{subjects("out.web", "out.app"), subjects("out.web")}, noMore("out.app")},
		"another stream takes the rest":            {"out.>", subjects("out.web"), "", []jetstream.StreamConfig{beside("out.app")}, "spread over the streams"},
		"what is read was all":                     {"out.>", subjects("out.>", "in.>"), "", []jetstream.StreamConfig{subjects("out.>")}, ""},
		"written in another way":                   {"out.>", subjects("out.web", "out.app"), "", []jetstream.StreamConfig{subjects("out.>")}, ""},
		"another stream is not meant":              {"out.>", subjects("out.web"), "log", []jetstream.StreamConfig{beside("out.app")}, ""},
		"another stream is apart":                  {"out.>", subjects("out.web"), "", []jetstream.StreamConfig{beside("in.app")}, ""},
		"it was read in part, and is held no more": {"*.out", subjects("web.*", "app.*"), "", []jetstream.StreamConfig{subjects("web.*")}, noMore("app.out")},
		"it is held as far as it is read":          {"*.out", subjects("web.*", "app.*"), "", []jetstream.StreamConfig{subjects("web.*", "app.out")}, ""},
		"none of it was read":                      {"*.out", subjects("web.*", "app.in"), "", []jetstream.StreamConfig{subjects("web.*")}, ""},
		"more is held":                             {"*.out", subjects("web.*", "app.*"), "", []jetstream.StreamConfig{subjects("web.>", "app.*")}, ""},
		"written as several":                       {"out.>", subjects("out.>"), "", []jetstream.StreamConfig{subjects("out.*", "out.*.>")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			loose(t, nc, c.before)
			s := open(t, nc, find(t, nc, Input{Kind: events.KindOutcome, Subject: c.reads, Stream: c.stream}), 1)
			proof(t, s)
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			for i, after := range c.after {
				if _, err := js.CreateOrUpdateStream(deadline(t), after); err != nil {
					t.Fatal(err)
				}
				if i < len(c.after)-1 || c.says == "" {
					proof(t, s)
					proof(t, s) // this one was asked for after the change
				}
			}
			if c.says == "" {
				return
			}
			_, err = fault(t, s)
			if e, ok := errors.AsType[*LogError](err); !ok || e.Fault != FaultChanged || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("the source says %v, want %q", err, c.says)
			}
		})
	}
}

// TestOriginsThatAreTakenAwayAreNoticed: what is published to an origin is not in the stream that is read any more, and
// its producers are told that all is well.
func TestOriginsThatAreTakenAwayAreNoticed(t *testing.T) {
	t.Parallel()
	copies := func(sources ...*jetstream.StreamSource) jetstream.StreamConfig {
		return jetstream.StreamConfig{Name: "log", Sources: sources}
	}
	from := func(name, filter string) *jetstream.StreamSource {
		return &jetstream.StreamSource{Name: name, FilterSubject: filter}
	}
	mirror := jetstream.StreamConfig{Name: "log", Mirror: from("web", "")}
	for name, c := range map[string]struct {
		before, after jetstream.StreamConfig
		says          string // empty: it is read on
	}{
		"one of two":             {copies(from("web", ""), from("app", "")), copies(from("web", "")), `from stream "app"`},
		"one of two, filtered":   {copies(from("web", "out.>"), from("app", "out.>")), copies(from("web", "out.>")), `from stream "app"`},
		"less of one":            {copies(from("web", ""), from("app", "")), copies(from("web", ""), from("app", "out.x")), `from stream "app"`},
		"all is its own":         {copies(from("web", "")), jetstream.StreamConfig{Name: "log", Subjects: []string{"out.>"}}, `from stream "web"`},
		"a mirror is no mirror":  {mirror, jetstream.StreamConfig{Name: "log", Subjects: []string{"out.log"}}, `from stream "web"`},
		"what is read was all":   {copies(from("web", "")), copies(from("web", "out.>")), ""},
		"more is copied":         {copies(from("web", "out.a")), copies(from("web", "out.>"), from("app", "")), ""},
		"another has no subject": {copies(from("web", ""), from("app", "in.>")), copies(from("web", "")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := Log{Stream: "log", Inputs: []Input{{Subject: "out.>"}}, Intakes: intakes(&c.before)}
			said := shrunk(log.Intakes, &c.after, log.Inputs)
			if (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
		})
	}
	t.Run("while it is read", func(t *testing.T) {
		t.Parallel()
		nc := inProcess(t)
		for _, name := range []string{"web", "app"} {
			loose(t, nc, jetstream.StreamConfig{Name: name, Subjects: []string{"out." + name}})
		}
		loose(t, nc, copies(from("web", ""), from("app", "")))
		s := open(t, nc, find(t, nc, Input{Kind: events.KindOutcome, Subject: "out.>", Stream: "log"}), 1)
		publish(t, nc, "out.app", 0, 3)
		read(t, s, 3)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.UpdateStream(deadline(t), copies(from("web", ""))); err != nil {
			t.Fatal(err)
		}
		_, err = fault(t, s)
		if e, ok := errors.AsType[*LogError](err); !ok || e.Fault != FaultChanged || !strings.Contains(err.Error(), `from stream "app"`) {
			t.Fatalf("the source says %v", err)
		}
	})
}

// shared is a stream of outcomes and of what is not read, with some messages.
func shared(t *testing.T, nc *nats.Conn, config jetstream.StreamConfig) Log {
	t.Helper()
	config.Name, config.Subjects = "log", []string{"out.>", "noise"}
	loose(t, nc, config)
	publish(t, nc, "noise", 0, 2)
	publish(t, nc, "out.a", 0, 3) // 3..5
	return find(t, nc, outcomes("out.>"))
}

// TestWhatVanishesUnreadInASharedStreamIsNoticed: in a stream that holds other
// subjects too, sequences are not dense for the reader. What vanished before it was
// read is noticed all the same, before reading begins and while it goes on.
func TestWhatVanishesUnreadInASharedStreamIsNoticed(t *testing.T) {
	t.Parallel()
	deletes := func(seqs ...uint64) func(*testing.T, jetstream.Stream) {
		return func(t *testing.T, st jetstream.Stream) {
			for _, seq := range seqs {
				if err := st.DeleteMsg(deadline(t), seq); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	purges := func(subject string) func(*testing.T, jetstream.Stream) {
		return func(t *testing.T, st jetstream.Stream) {
			if err := st.Purge(deadline(t), jetstream.WithPurgeSubject(subject)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		happens func(*testing.T, jetstream.Stream)
		next    uint64 // that is wanted after; 0: nothing is missing
	}{
		"nothing":                       {func(*testing.T, jetstream.Stream) {}, 0},
		"one in the middle":             {deletes(7), 7},
		"the newest":                    {deletes(9), 9},
		"all of a subject":              {purges("out.b"), 6},
		"all of the subjects":           {purges("out.>"), 6},
		"what was read":                 {deletes(4, 5), 0},
		"one that is not read, unknown": {deletes(8), 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			log := shared(t, nc, jetstream.StreamConfig{})
			s := open(t, nc, log, 1)
			mark := read(t, s, 3)[2].Mark()
			s.Close()
			publish(t, nc, "out.b", 0, 2) // 6, 7
			publish(t, nc, "noise", 2, 3) // 8
			publish(t, nc, "out.a", 3, 4) // 9
			c.happens(t, stream(t, nc, "log"))
			from := events.Position{Input: "log", Created: log.Created, Next: 6, Mark: mark}
			_, err := Open(deadline(t), nc, log, 0, from, Options{ProveEvery: 20 * time.Millisecond})
			e, is := errors.AsType[*LogError](err)
			if c.next == 0 && err != nil || c.next > 0 && (!is || e.Fault != FaultHole || e.Next != c.next) {
				t.Fatalf("a start says %v, want message %d missing", err, c.next)
			}
			if c.next == 0 {
				return
			}
			// Once a person has declared it lost, reading goes on.
			o := Options{ProveEvery: 20 * time.Millisecond, Lost: []Span{{From: e.Next, Next: 10}}}
			if s, err = Open(deadline(t), nc, log, 0, from, o); err != nil {
				t.Fatalf("with the loss declared: %v", err)
			}
			defer s.Close()
			for b, err := s.Next(deadline(t)); b.ReadThrough == events.MinTime; b, err = s.Next(deadline(t)) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestWhatVanishesWhileReadingIsNoticed: a backlog of a shared stream is purged by
// its subject while it is read.
func TestWhatVanishesWhileReadingIsNoticed(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := shared(t, nc, jetstream.StreamConfig{})
	publish(t, nc, "out.a", 3, 4000)
	publish(t, nc, "noise", 2, 3)
	s, err := Open(deadline(t), nc, log, 0, positionOf(log), Options{ProveEvery: time.Millisecond, Messages: 10, Prefetch: 2000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Next(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for s.buffer.known().Seq < 70 { // it is full, and the broker may send little ahead
		time.Sleep(time.Millisecond)
	}
	if err := stream(t, nc, "log").Purge(deadline(t), jetstream.WithPurgeSubject("out.>")); err != nil {
		t.Fatal(err)
	}
	_, err = fault(t, s)
	if e, ok := errors.AsType[*LogError](err); !ok || e.Fault != FaultHole || !e.Shared {
		t.Fatalf("the source says %v", err)
	}
}

// TestWhatIsPurgedBehindTheReaderIsNoLoss: what was read may go.
func TestWhatIsPurgedBehindTheReaderIsNoLoss(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := shared(t, nc, jetstream.StreamConfig{})
	s := open(t, nc, log, 1)
	read(t, s, 3)
	for i := range 20 {
		publish(t, nc, "out.b", i, i+1)
		publish(t, nc, "noise", i, i+1)
		read(t, s, 1)
		if err := stream(t, nc, "log").Purge(deadline(t), jetstream.WithPurgeSubject("out.>")); err != nil {
			t.Fatal(err)
		}
	}
	proof(t, s)
	proof(t, s)
}

// TestAStreamThatDropsSingleMessagesIsHeld: where messages vanish in the ordinary
// course of things, one that is gone may have been foreign. Then silence proves
// nothing, and reading goes on.
func TestAStreamThatDropsSingleMessagesIsHeld(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := shared(t, nc, jetstream.StreamConfig{MaxMsgsPerSubject: 3})
	w := &witness{known: events.At(time.Now()), heard: true}
	publish(t, nc, "noise", 2, 4)                                        // drops the first of it
	from := events.Position{Input: "log", Created: log.Created, Next: 2} // where it began at the first look
	s := openWith(t, nc, log, from, w.options())
	if _, hold := w.ends(t, s, 3); hold.Reason != "" {
		t.Fatalf("with what was gone before and is at the beginning: %+v", hold)
	}
	s.Close()
	from.Next = 6
	publish(t, nc, "out.a", 3, 7) // 8..11: drops 8 unread
	s = openWith(t, nc, log, from, w.options())
	proven, hold := w.ends(t, s, 5)
	if hold.Reason != holdDeletions || proven != events.MinTime {
		t.Fatalf("%s is proven, hold %+v", proven, hold)
	}
}

// TestAStreamThatRefusesMessagesIsHeld: what producers could not publish is in no
// stream.
func TestAStreamThatRefusesMessagesIsHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config jetstream.StreamConfig
		held   bool
	}{
		"full by number":        {jetstream.StreamConfig{MaxMsgs: 5, Discard: jetstream.DiscardNew}, true},
		"nearly full by number": {jetstream.StreamConfig{MaxMsgs: 6, Discard: jetstream.DiscardNew}, false},
		"full by bytes":         {jetstream.StreamConfig{MaxBytes: 220, Discard: jetstream.DiscardNew}, true},
		"room in bytes":         {jetstream.StreamConfig{MaxBytes: 5000, Discard: jetstream.DiscardNew}, false},
		"full by subject":       {jetstream.StreamConfig{MaxMsgsPerSubject: 100, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true}, true},
		"drops the oldest":      {jetstream.StreamConfig{MaxMsgs: 5}, false},
		"sealed":                {jetstream.StreamConfig{Sealed: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			seal := c.config.Sealed
			c.config.Sealed = false
			log := shared(t, nc, c.config)
			if seal {
				c.config.Name, c.config.Subjects, c.config.Sealed = "log", []string{"out.>", "noise"}, true
				js, err := jetstream.New(nc)
				if err == nil {
					_, err = js.UpdateStream(deadline(t), c.config)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			w := &witness{known: events.At(time.Now()), heard: true}
			s := openWith(t, nc, log, positionOf(log), w.options())
			proven, hold := w.ends(t, s, 3)
			if (hold.Reason == holdFull) != c.held || (proven == events.MinTime) != c.held {
				t.Fatalf("%s is proven, hold %+v; want held %v", proven, hold, c.held)
			}
		})
	}
}

// TestASubjectThatMatchesNothingIsHeld: outcomes whose subject is misspelt never
// come. As long as none has come, and others do, silence proves nothing.
func TestASubjectThatMatchesNothingIsHeld(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "log", Subjects: []string{"ev.>"}})
	log := find(t, nc, requests("ev.requests"), outcomes("ev.outcome"))
	w := &witness{known: events.At(time.Now())}
	var text lockedText
	o := w.options()
	o.Log = textLog(&text)
	s := openWith(t, nc, log, positionOf(log), o)
	if proven, hold := w.ends(t, s, 3); proven == events.MinTime || hold.On() {
		t.Fatalf("of an empty stream %s is proven, hold %+v", proven, hold)
	}
	publish(t, nc, "ev.requests", 0, 1)
	if _, hold := w.ends(t, s, 3); hold.On() || strings.Count(text.String(), "no message of the stream has the subject") != 1 {
		t.Fatalf("before any outcome: hold %+v, log %s", hold, text.String())
	}
	publish(t, nc, "ev.outcomes", 0, 1) // as producers spell it
	before := events.At(time.Now())
	w.learn(before)
	if proven, hold := w.ends(t, s, 5); proven >= before || hold.Reason != holdNoMatch {
		t.Fatalf("%s is proven after %s, hold %+v", proven, before, hold)
	}
	publish(t, nc, "ev.outcome", 0, 1)
	if proven, hold := w.ends(t, s, 5); proven < before || hold.On() {
		t.Fatalf("when one came %s is proven, hold %+v", proven, hold)
	}
}

// TestAShorterMaxAgeIsWarnedOf: once for each change.
func TestAShorterMaxAgeIsWarnedOf(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	config := jetstream.StreamConfig{Name: "log", Subjects: []string{"out.>"}, Duplicates: time.Second}
	loose(t, nc, config)
	var text lockedText
	s := openWith(t, nc, find(t, nc, outcomes("out.>")), events.Position{},
		Options{ProveEvery: 10 * time.Millisecond, Log: textLog(&text), Keep: 2 * time.Hour})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for i, age := range []time.Duration{3 * time.Hour, time.Hour, time.Minute, 0} {
		config.MaxAge = age
		if _, err := js.UpdateStream(deadline(t), config); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			proof(t, s)
		}
		if got, want := strings.Count(text.String(), "max_age was changed"), []int{0, 1, 2, 2}[i]; got != want {
			t.Fatalf("with %v it was warned of %d times, want %d:\n%s", age, got, want, text.String())
		}
	}
}

// TestACopyProvesWhatItsLinksHaveCarried: what a mirror or a stream with sources
// proves, by what the server tells of its links.
func TestACopyProvesWhatItsLinksHaveCarried(t *testing.T) {
	t.Parallel()
	mirror := func(lag uint64, active time.Duration) *jetstream.StreamInfo {
		return &jetstream.StreamInfo{
			Config: jetstream.StreamConfig{Name: "copy", Mirror: &jetstream.StreamSource{Name: "edge"}},
			Mirror: &jetstream.StreamSourceInfo{Name: "edge", Lag: lag, Active: active},
		}
	}
	current := mirror(0, time.Second)
	two := func(active ...time.Duration) *jetstream.StreamInfo {
		info := &jetstream.StreamInfo{Config: jetstream.StreamConfig{Name: "copy", Sources: []*jetstream.StreamSource{{Name: "a"}, {Name: "b"}}}}
		for i, a := range active {
			info.Sources = append(info.Sources, &jetstream.StreamSourceInfo{Name: string(rune('a' + i)), Active: a})
		}
		return info
	}
	broken := mirror(0, time.Second)
	broken.Mirror.Error = &jetstream.APIError{Description: "no such stream"}
	for name, c := range map[string]struct {
		infos   []*jetstream.StreamInfo // one a second
		origins origins
		back    time.Duration
		held    string // what the last hold says; empty: there is none
	}{
		"no copy":                   {[]*jetstream.StreamInfo{{}}, origins{}, 0, ""},
		"not yet long enough":       {repeated(current, 10), origins{}, 0, "must be found current for 15s"},
		"current":                   {repeated(current, 20), origins{}, 11 * time.Second, ""},
		"behind":                    {append(repeated(current, 20), mirror(3, 0)), origins{}, 0, "3 messages"},
		"silent":                    {append(repeated(current, 20), mirror(0, 16*time.Second)), origins{}, 0, "for 16s"},
		"silent, and just again":    {append(repeated(current, 20), mirror(0, 9*time.Second), mirror(0, 0)), origins{}, 0, "must be found current"},
		"silent, and again":         {append(append(repeated(current, 20), mirror(0, 9*time.Second)), repeated(current, 17)...), origins{}, 11 * time.Second, ""},
		"never connected":           {repeated(mirror(0, -1), 20), origins{}, 0, "nothing has come over"},
		"in error":                  {repeated(broken, 20), origins{}, 0, "no such stream"},
		"of a copy":                 {repeated(current, 20), origins{wrong: `its origin "edge" is a copy itself`}, 0, "is a copy itself"},
		"the older of two":          {repeated(two(2*time.Second, time.Second), 20), origins{}, 12 * time.Second, ""},
		"one of two is silent":      {repeated(two(time.Second, time.Minute), 20), origins{}, 0, `link to "b" for 1m0s`},
		"one of two is not told of": {repeated(two(time.Second), 20), origins{}, 0, "1 of its 2 links"},
	} {
		t.Run(name, func(t *testing.T) {
			l, at := links{}, 100*time.Second
			var back time.Duration
			var hold events.Hold
			for _, info := range c.infos {
				back, hold = l.admit(info, &c.origins, at)
				at += time.Second
			}
			if back != c.back || hold.On() != (c.held != "") || !strings.Contains(hold.Detail, c.held) || hold.On() && hold.Reason != holdLink {
				t.Errorf("put back by %v, hold %+v; want %v and %q", back, hold, c.back, c.held)
			}
			if _, hold := l.admit(current, &origins{}, at+time.Minute); c.back > 0 && !hold.On() {
				t.Error("after a minute without an answer it is as current as before")
			}
		})
	}
}

func repeated(info *jetstream.StreamInfo, n int) []*jetstream.StreamInfo {
	list := make([]*jetstream.StreamInfo, n)
	for i := range list {
		list[i] = info
	}
	return list
}

// TestAMirrorThatIsCutOffHolds: a mirror proves that its origin is quiet, while it
// is connected to it, and nothing after.
func TestAMirrorThatIsCutOffHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("a link must be steady for a quarter of a minute")
	}
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "edge", Subjects: []string{"out.>"}})
	loose(t, nc, jetstream.StreamConfig{Name: "copy", Mirror: &jetstream.StreamSource{Name: "edge"}})
	loose(t, nc, jetstream.StreamConfig{Name: "again", Mirror: &jetstream.StreamSource{Name: "copy"}})
	w := &witness{known: events.At(time.Now()), heard: true}
	o := w.options()
	o.ProveEvery = 500 * time.Millisecond
	input := Input{Kind: events.KindOutcome, Subject: "out.>", Stream: "copy"}
	s := openWith(t, nc, find(t, nc, input), events.Position{}, o)
	if proven, hold := w.ends(t, s, 4); proven != events.MinTime || hold.Reason != holdLink {
		t.Fatalf("at once %s is proven, hold %+v", proven, hold)
	}
	input.Stream = "again"
	second := &witness{known: events.At(time.Now()), heard: true}
	secondOptions := second.options()
	secondOptions.ProveEvery = o.ProveEvery
	chain := openWith(t, nc, find(t, nc, input), events.Position{}, secondOptions)
	start := time.Now()
	proven, hold := w.ends(t, s, 1)
	for ; hold.On() && time.Since(start) < patience; proven, hold = w.ends(t, s, 1) {
	}
	if hold.On() || proven == events.MinTime {
		t.Fatalf("a steady link proves %s, hold %+v", proven, hold)
	}
	if _, hold := second.ends(t, chain, 1); hold.Reason != holdLink || !strings.Contains(hold.Detail, "is a copy itself") {
		t.Fatalf("a copy of a copy: %+v", hold)
	}
	drop(t, nc, "edge")
	for start = time.Now(); !hold.On() && time.Since(start) < patience; _, hold = w.ends(t, s, 1) {
	}
	cut := events.At(time.Now())
	if !hold.On() {
		t.Fatal("the origin is gone, and the copy is believed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		b, err := s.Next(ctx)
		if err != nil {
			break
		}
		if b.ReadThrough != events.MinTime {
			t.Fatalf("%s is proven after the link was cut at %s", b.ReadThrough, cut)
		}
	}
}

// TestPatternsOfTransforms: what a transform makes of subjects.
func TestPatternsOfTransforms(t *testing.T) {
	for dest, want := range map[string]string{
		"clean.{{wildcard(1)}}":     "clean.*",
		"clean.$1.$2":               "clean.*.*",
		"p.{{partition(5,1,2)}}.x":  "p.*.x",
		"{{SplitFromLeft(1, 3)}}.b": "*.b",
		"a.{{split(1,.)}}.b":        "a.*.b",
		"plain.>":                   "plain.>",
		fmt.Sprintf("x.{{%s}}", "slicefromleft(1,2)") + ".>": "x.*.>",
	} {
		t.Run(dest, func(t *testing.T) {
			if got := pattern(dest); got != want {
				t.Errorf("%s makes %s, want %s", dest, got, want)
			}
		})
	}
}
