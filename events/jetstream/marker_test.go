package jetstream

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// TestMarkers tells what a server leaves where it deleted messages from what producers send.
func TestMarkers(t *testing.T) {
	for _, c := range []struct {
		name   string
		header nats.Header
		data   string
		want   bool
	}{
		{"expired", nats.Header{"Nats-Marker-Reason": {"MaxAge"}, "Nats-TTL": {"1h0m0s"}}, "", true},
		{"purged", nats.Header{"Nats-Marker-Reason": {"Purge"}}, "", true},
		{"removed", nats.Header{"Nats-Marker-Reason": {"Remove"}}, "", true},
		{"of a bucket's server", nats.Header{"Nats-Marker-Reason": {"MaxAge"}, "KV-Operation": {"PURGE"}}, "", true},
		{"with data", nats.Header{"Nats-Marker-Reason": {"MaxAge"}}, "{}", false},
		{"of another reason", nats.Header{"Nats-Marker-Reason": {"Joke"}}, "", false},
		{"of a bucket's client", nats.Header{"KV-Operation": {"DEL"}}, "", false},
		{"empty", nil, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := isMarker(c.header, []byte(c.data)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// expiring makes a stream whose messages may have a time to live, and leaves markers. It has a subject that is not read
// if shared is set.
func expiring(t *testing.T, nc *nats.Conn, shared bool) (js jetstream.JetStream, log Log) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	subjects := []string{"out.>"}
	if shared {
		subjects = append(subjects, "noise")
	}
	if _, err := js.CreateStream(deadline(t), jetstream.StreamConfig{Name: "out", Subjects: subjects,
		AllowMsgTTL: true, SubjectDeleteMarkerTTL: time.Hour, MaxMsgsPerSubject: 1, // else no message lives shorter than a marker
		Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	return js, find(t, nc, Input{Kind: events.KindOutcome, Subject: "out.>", Stream: "out"})
}

// awaitLast waits until the newest message of the stream has a sequence.
func awaitLast(t *testing.T, nc *nats.Conn, seq uint64) {
	t.Helper()
	ctx := deadline(t)
	for {
		last, err := LastSeq(ctx, nc, "out")
		if err != nil {
			t.Fatal(err)
		}
		if last >= seq {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// put stores a message; ttl, unless empty, is how long it lives.
func put(t *testing.T, js jetstream.JetStream, subject, data, ttl string) {
	t.Helper()
	m := &nats.Msg{Subject: subject, Data: []byte(data), Header: nats.Header{}}
	if ttl != "" {
		m.Header.Set("Nats-TTL", ttl)
	}
	if _, err := js.PublishMsg(deadline(t), m); err != nil {
		t.Fatal(err)
	}
}

// TestMarkersArePassedOver has a server delete what was read, for which it leaves markers. The source hands over none of
// them, counts each, and proves that it has read through them; so does one that begins before a marker, or behind it.
func TestMarkersArePassedOver(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			nc := inProcess(t)
			js, log := expiring(t, nc, shared)
			put(t, js, "out.a", "a", "")
			put(t, js, "out.b", "b", "1s")
			put(t, js, "out.c", "c", "")

			var markers atomic.Int64
			opts := Options{ProveEvery: 5 * time.Millisecond, Marker: func() { markers.Add(1) }}
			s, err := Open(deadline(t), nc, log, 0, events.Position{Input: "out", Created: log.Created, Next: 1}, opts)
			if err != nil {
				t.Fatal(err)
			}
			read := readSequences(t, s, 3)
			if want := []uint64{1, 2, 3}; !slices.Equal(read, want) {
				t.Errorf("read %v, want %v", read, want)
			}
			awaitLast(t, nc, 4) // message 2 has expired, and its marker is there
			if read := readSequences(t, s, 4); len(read) > 0 {
				t.Errorf("a marker was handed over: %v", read)
			}
			put(t, js, "out.e", "e", "")
			if read, want := readSequences(t, s, 5), []uint64{5}; !slices.Equal(read, want) {
				t.Errorf("after the marker %v was read, want %v", read, want)
			}
			if n := markers.Load(); n != 1 {
				t.Errorf("%d markers were counted, want 1", n)
			}
			s.Close()

			for next := uint64(4); next <= 6; next++ {
				markers.Store(0)
				from := events.Position{Input: "out", Created: log.Created, Next: next}
				s, err := Open(deadline(t), nc, log, 0, from, opts)
				if err != nil {
					t.Fatal(err)
				}
				want, passed := []uint64{5}, int64(0)
				switch next {
				case 4:
					passed = 1
				case 6:
					want = nil
				}
				if read := readSequences(t, s, 5); !slices.Equal(read, want) || markers.Load() != passed {
					t.Errorf("from %d on %v was read, with %d markers; want %v and %d", next, read, markers.Load(), want, passed)
				}
				s.Close()
			}
		})
	}
}

// TestMarkersOfRecovery has a reader end just before a marker, so that the message after it is fetched.
func TestMarkersOfRecovery(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	js, log := expiring(t, nc, false)
	put(t, js, "out.a", "a", "")
	put(t, js, "out.b", "b", "1s")
	var markers atomic.Int64
	opts := Options{ProveEvery: 5 * time.Millisecond, Marker: func() { markers.Add(1) }}
	s, err := Open(deadline(t), nc, log, 0, events.Position{Input: "out", Created: log.Created, Next: 1}, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	readSequences(t, s, 2)
	s.stopReader(errReconnected)
	awaitLast(t, nc, 3)
	if read := readSequences(t, s, 3); len(read) > 0 || markers.Load() != 1 {
		t.Errorf("%v was read, with %d markers; want nothing and 1", read, markers.Load())
	}
}

// TestMarkersAreNoNewest: what people look at first are events.
func TestMarkersAreNoNewest(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	js, _ := expiring(t, nc, false)
	put(t, js, "out.a", "a", "")
	put(t, js, "out.b", "b", "1s")
	awaitLast(t, nc, 3)
	log := find(t, nc, Input{Kind: events.KindOutcome, Subject: "out.>", Stream: "out"})
	list, err := Newest(deadline(t), nc, &log, 5)
	if err != nil || len(list) != 1 || list[0].Seq != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// readSequences reads until it is proven that all through a sequence was read, and lists what was handed over.
func readSequences(t *testing.T, s *Source, through uint64) (read []uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Messages {
			read = append(read, b.Messages[i].Seq)
		}
		if len(b.Messages) == 0 && b.ReadThrough != events.MinTime && b.Through >= through {
			return read
		}
	}
}

// TestMarkersWereReceived: a marker that expires while the broker is asked what is gone was read, and is no loss.
func TestMarkersWereReceived(t *testing.T) {
	b := newBuffer(limits{messages: 10, bytes: 10})
	b.watch(true)
	b.insert(7, nil)
	b.insert(8, &events.Message{Seq: 8, Data: []byte("e")})
	if gone := b.unread([]uint64{6, 7, 8}); !slices.Equal(gone, []uint64{6}) {
		t.Errorf("%v are unread, want [6]", gone)
	}
}
