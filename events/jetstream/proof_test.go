package jetstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

func TestAnEmptyLogIsProvenEmpty(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "mixed", Subjects: []string{"m.>", "noise"}})
	publish(t, nc, "noise", 0, 5)
	for _, log := range []Log{find(t, nc, requests("dense")), find(t, nc, requests("m.x"))} {
		s := open(t, nc, log, 0)
		first := proof(t, s)
		if second := proof(t, s); second <= first || first <= log.Created {
			t.Fatalf("proofs %s and %s of a log created %s", first, second, log.Created)
		}
	}
}

// While publishers are at work, every message stored before a proven time was
// handed over before the proof. This is the property the whole join rests on.
func TestProofsHoldWhilePublishing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, filtered := range []bool{false, true} {
		nc := inProcess(t)
		config := jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}}
		if filtered {
			config.Subjects = append(config.Subjects, "noise")
		}
		loose(t, nc, config)
		log := find(t, nc, requests("log.>"))
		ctx, cancel := context.WithCancel(deadline(t))
		var publishers sync.WaitGroup
		for p := range 3 {
			publishers.Go(func() { babble(ctx, nc, rand.New(rand.NewPCG(seed, uint64(p))), filtered) })
		}
		from := events.Position{}
		s, err := Open(ctx, nc, log, 0, from, Options{ProveEvery: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		proofs, count := 0, 0
		proven := events.MinTime
		for proofs < 200 || count < 200 {
			b, err := s.Next(ctx)
			if err != nil {
				t.Fatalf("after %d proofs and %d messages: %v", proofs, count, err)
			}
			for _, m := range b.Messages {
				if m.Stored < proven {
					t.Fatalf("message %d was stored at %s, but handed over after everything before %s was proven read (%v before)",
						m.Seq, m.Stored, proven, proven.Sub(m.Stored))
				}
			}
			if count += len(b.Messages); b.ReadThrough != events.MinTime {
				if len(b.Messages) > 0 {
					t.Fatal("a proof came together with messages")
				}
				proofs++
				proven = max(proven, b.ReadThrough)
			}
		}
		cancel()
		publishers.Wait()
		s.Close()
	}
}

// namesJSON says that the stream log is the only one that holds a subject.
const namesJSON = `{"total":1,"offset":0,"limit":1024,"streams":["log"]}`

// The order and use of the questions, against a broker of which each answer is
// scripted: the time is the first answer's, the end the second's, then whether
// anything follows, what is gone, and last which streams hold the subject.
func TestQuestionsAreAskedInTheOrderOfTheArgument(t *testing.T) {
	t.Parallel()
	nc := dial(t, ConnOptions{URL: guarded(t, func(*server.Options) {}).ClientURL()})
	created := time.Unix(500, 0).UTC()
	var asked []string
	answers := map[string][]string{
		"$JS.API.STREAM.INFO.log": {
			infoJSON(created, 5, time.Unix(1000, 0)), infoJSON(created, 6, time.Unix(2000, 0)), infoJSON(created, 7, time.Unix(3000, 0)),
		},
		"$JS.API.STREAM.MSG.GET.log": {`{"error":{"code":404,"err_code":10037,"description":"no message found"}}`},
		"$JS.API.STREAM.NAMES":       {namesJSON},
	}
	defer answering(t, nc, answers, &asked)()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{received: 5, passed: 5}
	log := Log{Stream: "log", Filtered: true, Inputs: []Input{requests("log.x")}}
	if err := a.fill(deadline(t), js, &log, func() time.Duration { return time.Hour }); err != nil {
		t.Fatal(err)
	}
	if !a.info.TimeStamp.Equal(time.Unix(1000, 0)) || a.end != 6 || !a.nothing || a.at != time.Hour {
		t.Fatalf("got %+v of %+v", a, a.info)
	}
	want := []string{"$JS.API.STREAM.INFO.log", "$JS.API.STREAM.INFO.log", "$JS.API.STREAM.MSG.GET.log",
		"$JS.API.STREAM.INFO.log", "$JS.API.STREAM.NAMES"}
	if !slices.Equal(asked, want) {
		t.Fatalf("asked %q", asked)
	}
}

// TestALogThatIsTrimmedWhileItIsAskedProvesNothing: what nothing follows may have
// been followed by what is gone by then.
func TestALogThatIsTrimmedWhileItIsAskedProvesNothing(t *testing.T) {
	t.Parallel()
	nc := dial(t, ConnOptions{URL: guarded(t, func(*server.Options) {}).ClientURL()})
	info := infoJSON(time.Unix(500, 0).UTC(), 9, time.Unix(1000, 0))
	for first, nothing := range map[string]bool{"6": true, "7": false} {
		t.Run(first, func(t *testing.T) {
			answers := map[string][]string{
				"$JS.API.STREAM.INFO.log":    {info, info, strings.Replace(info, `"first_seq":1`, `"first_seq":`+first, 1), info},
				"$JS.API.STREAM.MSG.GET.log": {`{"error":{"code":404,"err_code":10037,"description":"no message found"}}`},
				"$JS.API.STREAM.NAMES":       {namesJSON},
			}
			var asked []string
			defer answering(t, nc, answers, &asked)()
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			a := answer{received: 5, passed: 5}
			log := Log{Stream: "log", Filtered: true, Inputs: []Input{requests("log.x")}}
			if err := a.fill(deadline(t), js, &log, func() time.Duration { return time.Hour }); err != nil {
				t.Fatal(err)
			}
			if a.nothing != nothing {
				t.Errorf("with a first message %s, message 5 being the last one read: nothing follows is %v", first, a.nothing)
			}
		})
	}
}

// answering has a broker answer as it is told, by subject, one answer after the other, until stop. It notes
// what was asked.
func answering(t *testing.T, nc *nats.Conn, answers map[string][]string, asked *[]string) (stop func()) {
	t.Helper()
	sub, err := nc.Subscribe("$JS.API.>", func(m *nats.Msg) {
		*asked = append(*asked, m.Subject)
		if list := answers[m.Subject]; len(list) > 0 {
			answers[m.Subject] = list[1:]
			_ = m.Respond([]byte(list[0]))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil {
			t.Error(err)
		}
	}
}

func infoJSON(created time.Time, last uint64, now time.Time) string {
	return fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"log"},"created":%q,`+
		`"state":{"messages":%d,"first_seq":1,"last_seq":%d},"ts":%q}`, created.Format(time.RFC3339Nano), last, last, now.UTC().Format(time.RFC3339Nano))
}

// babble publishes bursts with pauses.
func babble(ctx context.Context, nc *nats.Conn, rng *rand.Rand, noise bool) {
	js, err := jetstream.New(nc)
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		for range rng.IntN(6) {
			subject := "log.x"
			if noise && rng.IntN(2) == 0 {
				subject = "noise"
			}
			if _, err := js.PublishAsync(subject, []byte("x")); err != nil {
				return
			}
		}
		timer := time.NewTimer(time.Duration(rng.IntN(5000)) * time.Microsecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// A backlog is not proven read: the first proof comes after its last message.
func TestABacklogProvesNothing(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	log := find(t, nc, requests("log"))
	const total = 3000
	publish(t, nc, "log", 0, total)
	s, err := Open(deadline(t), nc, log, 0, events.Position{}, Options{ProveEvery: time.Microsecond, Messages: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for count := 0; count < total; {
		b, err := s.Next(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		if b.ReadThrough != events.MinTime {
			t.Fatalf("a proof came after %d of %d messages", count, total)
		}
		count += len(b.Messages)
	}
	proof(t, s)
}

// Nothing is proven while the broker is away, and everything again once it is
// back.
func TestNoProofWhileDisconnected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, dir, 0)
	at := port(t, server)
	nc := dial(t, ConnOptions{URL: server.URL()})
	s := open(t, nc, find(t, nc, requests("log")), 0)
	last := proof(t, s)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if b, err := s.Next(ctx); err == nil {
		t.Fatalf("got %d messages and proof %s of a broker that is away", len(b.Messages), b.ReadThrough)
	}
	serve(t, dir, at)
	if again := proof(t, s); again <= last {
		t.Fatalf("proven %s, after %s before the restart", again, last)
	}
}

// Messages that were received but not handed over hold the proof back.
func TestNoProofBeforeTheBufferIsHandedOver(t *testing.T) {
	t.Parallel()
	p := newProver(Options{}.withDefaults())
	info := &jetstream.StreamInfo{TimeStamp: time.Unix(1000, 0)}
	p.accept(answer{info: info, received: 10, passed: 10, end: 10}, false, events.Hold{})
	if _, ok := p.proven(9); ok {
		t.Fatal("proven with message 10 in the buffer")
	}
	if got, ok := p.proven(10); !ok || got != events.At(info.TimeStamp) {
		t.Fatalf("got %s, %v", got, ok)
	}
	if _, ok := p.proven(11); ok {
		t.Fatal("proven twice")
	}
	p.accept(answer{info: info, received: 10, passed: 10, end: 15, nothing: true}, true, events.Hold{})
	if p.clear != 15 {
		t.Fatalf("clear through %d", p.clear)
	}
	if _, ok := p.proven(9); ok {
		t.Fatal("proven with message 10 of a filtered log in the buffer")
	}
	if _, ok := p.proven(10); !ok {
		t.Fatal("a filtered log is not proven although nothing follows")
	}
	p.accept(answer{info: info, received: 10, passed: 15, end: 20}, true, events.Hold{})
	if _, ok := p.proven(10); ok {
		t.Fatal("a filtered log is proven although something follows")
	}
	p.forget()
	if _, ok := p.proven(20); ok {
		t.Fatal("proven after the reader was replaced")
	}
}

func TestAServerThatDoesNotTellItsTimeProvesNothing(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	p := newProver(Options{Log: textLog(&text)}.withDefaults())
	for range 3 {
		p.accept(answer{info: &jetstream.StreamInfo{}}, false, events.Hold{})
	}
	if _, ok := p.proven(0); ok || strings.Count(text.String(), "too old") != 1 {
		t.Fatalf("proven %v, logged %q", ok, text.String())
	}
}
