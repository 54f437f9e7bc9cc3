package jetstream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// wantFault checks an error and that it names the stream and a way out.
func wantFault(t *testing.T, err error, fault Fault) {
	t.Helper()
	got, ok := errors.AsType[*LogError](err)
	if !ok || got.Fault != fault {
		t.Fatalf("got %v, want a LogError %s", err, fault)
	}
	for _, part := range []string{got.Stream, "restore", "start anew"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// Each case does something to a stream that holds messages 1 to 10 and was read
// through 10, and comes back to another ten.
var faults = []struct {
	name   string
	config jetstream.StreamConfig
	tamper func(t *testing.T, nc *nats.Conn, config jetstream.StreamConfig)
	fault  Fault
}{
	{
		name: "deleted",
		tamper: func(t *testing.T, nc *nats.Conn, config jetstream.StreamConfig) {
			drop(t, nc, config.Name)
		},
		fault: FaultMissing,
	},
	{
		name: "recreated, shorter",
		tamper: func(t *testing.T, nc *nats.Conn, config jetstream.StreamConfig) {
			drop(t, nc, config.Name)
			loose(t, nc, config)
			publish(t, nc, "log.a", 0, 3)
		},
		fault: FaultRecreated,
	},
	{
		name: "recreated, longer",
		tamper: func(t *testing.T, nc *nats.Conn, config jetstream.StreamConfig) {
			drop(t, nc, config.Name)
			loose(t, nc, config)
			publish(t, nc, "log.a", 0, 100)
		},
		fault: FaultRecreated,
	},
}

func TestLogIsReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		for _, c := range faults {
			t.Run(fmt.Sprintf("%s, filtered %v", c.name, filtered), func(t *testing.T) {
				nc := inProcess(t)
				log, config := tenMessages(t, nc, filtered)
				s := open(t, nc, log, 0)
				read(t, s, 10)
				proof(t, s)
				c.tamper(t, nc, config)
				got, err := fault(t, s)
				wantFault(t, err, c.fault)
				if len(got) > 0 {
					t.Fatalf("%d messages of another log were handed over, first %q", len(got), got[0].Data)
				}
				if _, again := fault(t, s); !errors.Is(again, err) {
					t.Fatalf("then %v", again)
				}
			})
		}
	}
}

func TestLogIsReplacedBetweenRuns(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		for _, c := range faults {
			t.Run(fmt.Sprintf("%s, filtered %v", c.name, filtered), func(t *testing.T) {
				nc := inProcess(t)
				log, config := tenMessages(t, nc, filtered)
				c.tamper(t, nc, config)
				_, err := openAt(t, nc, log, 11)
				wantFault(t, err, c.fault)
			})
		}
	}
}

// tenMessages makes a stream that can be tampered with.
func tenMessages(t *testing.T, nc *nats.Conn, filtered bool) (Log, jetstream.StreamConfig) {
	t.Helper()
	config := jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}}
	if filtered {
		config.Subjects = append(config.Subjects, "other.>")
	}
	loose(t, nc, config)
	publish(t, nc, "log.a", 0, 10)
	return find(t, nc, requests("log.>")), config
}

func TestLogIsTrimmedBetweenRuns(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		nc := inProcess(t)
		log, _ := tenMessages(t, nc, filtered)
		if err := stream(t, nc, log.Stream).Purge(deadline(t), jetstream.WithPurgeSequence(6)); err != nil {
			t.Fatal(err)
		}
		_, err := openAt(t, nc, log, 5)
		wantFault(t, err, FaultTrimmed)
		if got := read(t, open(t, nc, log, 6), 5); got[0].Seq != 6 {
			t.Fatalf("reading what is there began at %d", got[0].Seq)
		}
		_, err = openAt(t, nc, log, 1) // the log was empty when it was first looked at
		wantFault(t, err, FaultTrimmed)
		// Who does not know where it began has lost nothing.
		s := open(t, nc, log, 0)
		if got := read(t, s, 5); got[0].Seq != 6 {
			t.Fatalf("reading from the beginning began at %d", got[0].Seq)
		}
		proof(t, s)
	}
}

// TestLogIsTrimmedBeforeAnythingCame: nothing of the log was read yet, and its silence was proven. What comes after that
// and is purged unread is lost, both when messages follow and when none do.
func TestLogIsTrimmedBeforeAnythingCame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config jetstream.StreamConfig
		follow int
	}{
		"own, none follow":      {jetstream.StreamConfig{Subjects: []string{"log.>"}}, 0},
		"own, some follow":      {jetstream.StreamConfig{Subjects: []string{"log.>"}}, 5},
		"shared, none follow":   {jetstream.StreamConfig{Subjects: []string{"log.>", "other.>"}}, 0},
		"shared, others follow": {jetstream.StreamConfig{Subjects: []string{"log.>", "other.>"}}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			c.config.Name = "log"
			loose(t, nc, c.config)
			s := open(t, nc, find(t, nc, outcomes("log.>")), 1)
			proof(t, s)
			s.reader.halt(errStalled) // as if the process had been stopped: the next ones do not come
			publish(t, nc, "log.a", 0, 5)
			if err := stream(t, nc, "log").Purge(deadline(t)); err != nil {
				t.Fatal(err)
			}
			publish(t, nc, "log.b", 0, c.follow)
			got, err := fault(t, s)
			wantFault(t, err, FaultTrimmed)
			if len(got) > 0 {
				t.Fatalf("message %d was handed over", got[0].Seq)
			}
		})
	}
}

// The purge is noticed both when messages follow and when none do.
func TestLogIsTrimmedWhileRunning(t *testing.T) {
	t.Parallel()
	for _, follow := range []int{0, 5} {
		nc := inProcess(t)
		log, _ := tenMessages(t, nc, false)
		s := open(t, nc, log, 0)
		read(t, s, 10)
		proof(t, s)
		s.reader.halt(errStalled) // as if the connection were slow: the next ones do not come
		publish(t, nc, "log.a", 10, 20)
		if err := stream(t, nc, log.Stream).Purge(deadline(t)); err != nil {
			t.Fatal(err)
		}
		publish(t, nc, "log.a", 20, 20+follow)
		got, err := fault(t, s)
		wantFault(t, err, FaultTrimmed)
		if len(got) > 0 {
			t.Fatalf("message %d was handed over", got[0].Seq)
		}
	}
}

func TestMessageIsDeletedOutOfTheMiddle(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log, _ := tenMessages(t, nc, false)
	if err := stream(t, nc, log.Stream).DeleteMsg(deadline(t), 4); err != nil {
		t.Fatal(err)
	}
	got, err := fault(t, open(t, nc, log, 0))
	wantFault(t, err, FaultHole)
	if len(got) != 3 {
		t.Fatalf("%d messages were handed over before it, want 3", len(got))
	}
}

// The broker comes back with an older copy of the stream, as after a power
// failure, and more messages take the lost ones' sequences.
func TestLogIsRewound(t *testing.T) {
	t.Parallel()
	for _, follow := range []int{0, 3} {
		dir, copied := t.TempDir(), t.TempDir()
		server := serve(t, dir, 0)
		at := port(t, server)
		nc := dial(t, ConnOptions{URL: server.URL()})
		log, _ := tenMessages(t, nc, false)
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(copied, "s"), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		server = serve(t, dir, at)
		publishAt(t, server, "log.a", 10, 20)
		s := open(t, nc, log, 0)
		read(t, s, 20)
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		server = serve(t, filepath.Join(copied, "s"), at)
		publishAt(t, server, "log.a", 30, 30+follow)
		got, err := fault(t, s)
		wantFault(t, err, FaultRewound)
		if len(got) > 0 {
			t.Fatalf("message %d was handed over", got[0].Seq)
		}
		_, err = openAt(t, nc, log, 21)
		wantFault(t, err, FaultRewound)
	}
}

func TestPositionOfAnotherStream(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("a"))
	other := log
	other.Stream = "b"
	if _, err := openAt(t, nc, other, 1); err == nil {
		t.Fatal("a stream that does not exist was opened")
	}
	from := positionOf(log)
	log.Stream = "b"
	if _, err := Open(deadline(t), nc, log, 0, from, Options{}); err == nil || !strings.Contains(err.Error(), "start anew") {
		t.Fatalf("got %v", err)
	}
}

func TestCalmSpeaksOnceAMinute(t *testing.T) {
	t.Parallel()
	var now time.Duration
	var text strings.Builder
	c := newRateLimitedLog(textLog(&text), func() time.Duration { return now })
	for ; now < 3*time.Minute; now += time.Second {
		c.warn("one")
		c.warn("two")
	}
	if ones, twos := strings.Count(text.String(), "one"), strings.Count(text.String(), "two"); ones != 3 || twos != 3 {
		t.Fatalf("logged %d and %d times in three minutes", ones, twos)
	}
	c.reset()
	c.warn("one")
	if ones := strings.Count(text.String(), "one"); ones != 4 {
		t.Fatal("a new trouble was not logged at once")
	}
}
