package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

func labels(from, to int) []events.Label {
	var list []events.Label
	for i := from; i < to; i++ {
		list = append(list, events.Label{ID: fmt.Sprintf("id-%d", i), Data: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	return list
}

func publisher(t *testing.T, nc *nats.Conn) *Publisher {
	t.Helper()
	p, err := NewPublisher(deadline(t), nc, PublisherOptions{Subject: "labels.feed", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// storedLabels reads the label stream as its consumers would.
func storedLabels(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	s := open(t, nc, find(t, nc, requests("labels.feed")), 0)
	for i, m := range read(t, s, n) {
		if want := string(labels(i, i+1)[0].Data); string(m.Data) != want {
			t.Fatalf("label %d is %s, want %s", i, m.Data, want)
		}
	}
	proof(t, s)
}

func TestLabelsAreStoredOnceInOrder(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	p := publisher(t, nc)
	if err := p.Publish(deadline(t), labels(0, 2500)); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(deadline(t), labels(2000, 3000)); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(deadline(t), nil); err != nil {
		t.Fatal(err)
	}
	storedLabels(t, nc, 3000)
	if got := stream(t, nc, "labels_feed").CachedInfo().Config.Duplicates; got != labelDuplicates {
		t.Fatalf("duplicates window %v", got)
	}
}

func TestLabelsSurviveARestartOfTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, dir, 0)
	at := port(t, server)
	nc := dial(t, ConnOptions{URL: server.URL()})
	p := publisher(t, nc)
	const total = 10_000
	done := make(chan error, 1)
	go func() { done <- p.Publish(deadline(t), labels(0, total)) }()
	for stored := uint64(0); stored == 0; { // until it is in full swing
		stored = stream(t, nc, "labels_feed").CachedInfo().State.Msgs
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, at)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	storedOnce(t, nc, total)
}

// storedOnce checks that each label is there once. A restart may reorder
// labels that were under way together.
func storedOnce(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	s := open(t, nc, find(t, nc, requests("labels.feed")), 0)
	seen := map[string]bool{}
	for _, m := range read(t, s, n) {
		if seen[string(m.Data)] {
			t.Fatalf("label %s is stored twice", m.Data)
		}
		seen[string(m.Data)] = true
	}
	proof(t, s)
}

func TestPublishReturnsOnlyTheContextsError(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir(), 0)
	nc := dial(t, ConnOptions{URL: server.URL()})
	p := publisher(t, nc)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, labels(0, 10)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestALabelStreamThatWasDeletedIsCreatedAgain(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	p := publisher(t, nc)
	drop(t, nc, "labels_feed")
	if err := p.Publish(deadline(t), labels(0, 10)); err != nil {
		t.Fatal(err)
	}
	storedOnce(t, nc, 10)
}

func TestNewPublisherTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "taken", Subjects: []string{"something"}})
	for subject, says := range map[string]string{"": "empty", "a.>": "wildcards", "nowhere": "create: true"} {
		t.Run(subject, func(t *testing.T) {
			if _, err := NewPublisher(deadline(t), nc, PublisherOptions{Subject: subject}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: got %v", subject, err)
			}
		})
	}
	if _, err := NewPublisher(deadline(t), nc, PublisherOptions{Subject: "a", Stream: "taken", Create: true}); err == nil {
		t.Error("a stream without the subject passed")
	}
}

func BenchmarkPublish(b *testing.B) {
	nc := inProcess(b)
	p, err := NewPublisher(b.Context(), nc, PublisherOptions{Subject: "labels", Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	batch := labels(0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	if err := p.Publish(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
}
