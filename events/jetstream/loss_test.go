package jetstream

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// losses are what gap log would find, and a start that has declared them.
func losses(t *testing.T, log Log, from events.Position, url ConnOptions) []Loss {
	t.Helper()
	found, err := FindLosses(deadline(t), dial(t, url), log, Want{From: from})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestHolesAreDeclaredAndPassedOver deletes unread messages out of a stream's
// middle. A start refuses each; FindLosses names them all, with the times of their
// neighbours; once they are declared, reading passes over them, and gives the rest.
func TestHolesAreDeclaredAndPassedOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gone []uint64
		want []Span
	}{
		{"one", []uint64{7}, []Span{{7, 8}}},
		{"next", []uint64{6}, []Span{{6, 7}}},
		{"last", []uint64{20}, []Span{{20, 21}}},
		{"several", []uint64{6, 7, 12, 13, 14, 19}, []Span{{6, 8}, {12, 15}, {19, 20}}},
		{"all that is unread", []uint64{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, []Span{{6, 21}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, t.TempDir(), 0)
			at := ConnOptions{URL: server.URL()}
			nc := dial(t, at)
			loose(t, nc, jetstream.StreamConfig{Name: "log", Subjects: []string{"log.>"}})
			log := find(t, nc, requests("log.>"))
			publish(t, nc, "log.a", 0, 20)
			first, err := openAt(t, nc, log, 1)
			if err != nil {
				t.Fatal(err)
			}
			read20 := read(t, first, 20)
			st := stream(t, nc, "log")
			for _, seq := range c.gone {
				if err := st.DeleteMsg(deadline(t), seq); err != nil {
					t.Fatal(err)
				}
			}
			from := events.Position{Input: "log", Created: log.Created, Next: 6, Mark: read20[4].Mark()}
			s, err := Open(deadline(t), nc, log, 0, from, Options{})
			if err == nil {
				t.Cleanup(func() { s.Close() })
				_, err = fault(t, s)
			}
			wantFault(t, err, FaultHole)

			found := losses(t, log, from, at)
			var spans []Span
			for _, l := range found {
				spans = append(spans, Span{l.Gap.From, l.Gap.Next})
				if want := read20[l.Gap.From-2].Stored; l.From != want {
					t.Errorf("the loss %+v begins at %s, want %s", l.Gap, l.From, want)
				}
				if n := len(l.Before); n == 0 || l.Before[n-1].Mark() != lastBefore(read20, c.gone, l.Gap.From).Mark() {
					t.Errorf("before the loss %+v come %+v", l.Gap, l.Before)
				}
				if l.Gap.Next > 20 != (l.After == nil) || l.After != nil && l.After.Mark() != read20[l.Gap.Next-1].Mark() {
					t.Errorf("after the loss %+v comes %+v", l.Gap, l.After)
				}
				if l.Gap.Next <= 20 && l.To != read20[l.Gap.Next-1].Stored {
					t.Errorf("the loss %+v ends at %s, want %s", l.Gap, l.To, read20[l.Gap.Next-1].Stored)
				}
			}
			if !slices.Equal(spans, c.want) {
				t.Fatalf("lost are %v, want %v", spans, c.want)
			}
			if more, err := FindLosses(deadline(t), nc, log, Want{From: from, Lost: spans}); err != nil || len(more) > 0 {
				t.Fatalf("what is declared is found again: %+v, %v", more, err)
			}

			s, err = Open(deadline(t), nc, log, 0, from, Options{Lost: spans, ProveEvery: 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			publish(t, nc, "log.a", 20, 22)
			var got []uint64
			for _, m := range read(t, s, 22-5-len(c.gone)) {
				got = append(got, m.Seq)
			}
			for seq := uint64(6); seq <= 22; seq++ {
				if slices.Contains(c.gone, seq) == slices.Contains(got, seq) {
					t.Fatalf("read %v with %v gone", got, c.gone)
				}
			}
			if proof(t, s) == events.MinTime {
				t.Error("no proof after the holes")
			}
		})
	}
}

// lastBefore is the newest message before a sequence that is not gone.
func lastBefore(all []events.Message, gone []uint64, seq uint64) *events.Message {
	for seq--; slices.Contains(gone, seq); {
		seq--
	}
	return &all[seq-1]
}

// TestLossAfterAForkReachesToTheFirstNewMessage: unread messages were lost between
// the newest one that was read and the first that was stored after it, though the
// stream begins before both.
func TestLossAfterAForkReachesToTheFirstNewMessage(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir(), 0)
	at := ConnOptions{URL: server.URL()}
	nc := dial(t, at)
	log := find(t, nc, requests("log.>"))
	publish(t, nc, "log.a", 0, 10)
	messages := read(t, open(t, nc, log, 1), 10)
	mark := messages[5].Mark()
	mark.Sum++ // another message had this place
	found := losses(t, log, events.Position{Input: "log", Created: log.Created, Next: 7, Mark: mark}, at)
	if len(found) != 1 || found[0].Fault.Fault != FaultForked {
		t.Fatalf("found %+v", found)
	}
	l := found[0]
	if l.From != messages[5].Stored || l.To != messages[6].Stored || l.Gap.Next != 1 || l.Gap.From != 7 {
		t.Errorf("lost is %+v", l)
	}
}

// TestCoarse: of many holes the closest are one.
func TestCoarse(t *testing.T) {
	t.Parallel()
	spans := spansOf([]uint64{1, 2, 5, 6, 20, 22, 40})
	for most, want := range map[int][]Span{
		9: {{1, 3}, {5, 7}, {20, 21}, {22, 23}, {40, 41}},
		4: {{1, 3}, {5, 7}, {20, 23}, {40, 41}},
		3: {{1, 7}, {20, 23}, {40, 41}},
		1: {{1, 41}},
	} {
		if got := coarse(slices.Clone(spans), most); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", most, got, want)
		}
	}
	if !(lost{{1, 3}, {5, 7}, {3, 6}}).cover(1, 7) || (lost{{1, 3}, {5, 7}}).cover(1, 7) || (lost{{1, 3}}).cover(1, 4) {
		t.Error("spans that adjoin cover it together, and no others")
	}
}
