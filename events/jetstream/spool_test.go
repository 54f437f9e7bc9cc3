package jetstream

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

func someLabels(from, to int) []events.Label {
	var labels []events.Label
	for i := from; i < to; i++ {
		labels = append(labels, events.Label{ID: fmt.Sprint("id", i), Data: fmt.Appendf(nil, `{"n":%d,"text":"<&>\u2028"}`, i)})
	}
	return labels
}

// spooling is a publisher with a spool, over a stream made as a test wants it.
func spooling(t *testing.T, config jetstream.StreamConfig, path string) (*Publisher, *heldLabels, jetstream.Stream) {
	t.Helper()
	nc := inProcess(t)
	config.Name, config.Subjects = "labels", []string{"labels.feed"}
	loose(t, nc, config)
	held := &heldLabels{}
	p, err := NewPublisher(deadline(t), nc, PublisherOptions{Subject: "labels.feed", Hold: held.set})
	if err != nil {
		t.Fatal(err)
	}
	p.ackTimeout = 50 * time.Millisecond
	if err := p.Spool(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, held, stream(t, nc, "labels")
}

// heldLabels keeps the last hold.
type heldLabels struct {
	mu  sync.Mutex
	now events.Hold
}

func (h *heldLabels) set(now events.Hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
}

func (h *heldLabels) is(t *testing.T, on bool) events.Hold {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		h.mu.Lock()
		now := h.now
		h.mu.Unlock()
		if now.On() == on {
			return now
		}
		if time.Now().After(end) {
			t.Fatalf("the hold is %+v", now)
		}
	}
}

// TestSpoolKeepsWhatTheBrokerDoesNotTake fills a stream that takes no more. Publish
// returns all the same; the labels come in order when there is room, also those that
// an earlier process left.
func TestSpoolKeepsWhatTheBrokerDoesNotTake(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool")
	old, err := openSpool(path, SpoolBytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.add(someLabels(0, 3)); err != nil {
		t.Fatal(err)
	}
	old.close()
	p, held, st := spooling(t, jetstream.StreamConfig{MaxMsgs: 2, Discard: jetstream.DiscardNew}, path)
	for n := 3; n < 9; n += 2 {
		if err := p.Publish(deadline(t), someLabels(n, n+2)); err != nil {
			t.Fatal(err)
		}
	}
	if now := held.is(t, true); now.Reason != HoldLabelStream || !strings.Contains(now.Detail, path) {
		t.Errorf("the hold is %+v", now)
	}
	config := st.CachedInfo().Config
	config.MaxMsgs = 100
	js := p.js
	if _, err := js.UpdateStream(deadline(t), config); err != nil {
		t.Fatal(err)
	}
	held.is(t, false)
	if p.Waiting() != 0 || p.Skipped() != 0 {
		t.Errorf("%d wait, %d are left out", p.Waiting(), p.Skipped())
	}
	if err := p.Publish(deadline(t), someLabels(9, 10)); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for seq := uint64(1); seen < 10; seq++ {
		m, err := st.GetMsg(deadline(t), seq)
		if err != nil {
			t.Fatal(err)
		}
		want := someLabels(seen, seen+1)[0]
		if !bytes.Equal(m.Data, want.Data) || m.Header.Get("Nats-Msg-Id") != want.ID {
			t.Fatalf("message %d is %s %s, want %s %s", seq, m.Header.Get("Nats-Msg-Id"), m.Data, want.ID, want.Data)
		}
		seen++
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the spool has %v bytes, %v", info, err)
	}
}

// TestLabelsThatAreTooLargeAreLeftOut: neither the server's limit nor the stream's
// keeps the other labels from being sent.
func TestLabelsThatAreTooLargeAreLeftOut(t *testing.T) {
	t.Parallel()
	p, held, st := spooling(t, jetstream.StreamConfig{MaxMsgSize: 2000}, filepath.Join(t.TempDir(), "spool"))
	for _, size := range []int{3000, int(p.js.Conn().MaxPayload()) + 1} {
		labels := someLabels(0, 3)
		labels[1].Data = fmt.Appendf(nil, "%q", strings.Repeat("x", size))
		for i := range labels {
			labels[i].ID += fmt.Sprint("of", size)
		}
		if err := p.Publish(deadline(t), labels); err != nil {
			t.Fatal(err)
		}
	}
	if p.Skipped() != 2 || p.Waiting() != 0 {
		t.Errorf("%d are left out, %d wait", p.Skipped(), p.Waiting())
	}
	if info, err := st.Info(deadline(t)); err != nil || info.State.Msgs != 4 {
		t.Errorf("the stream has %+v, %v", info.State, err)
	}
	if err := p.Publish(deadline(t), someLabels(5, 6)); err != nil {
		t.Fatal(err)
	}
	held.is(t, false)
}

// TestSpoolSurvives: what is whole is there again, a line that was being written is
// not, and what there is no room for is counted.
func TestSpoolSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool")
	s, err := openSpool(path, 200)
	if err != nil {
		t.Fatal(err)
	}
	if skipped, err := s.add(someLabels(0, 9)); err != nil || skipped == 0 || skipped+s.len() != 9 {
		t.Fatalf("%d left out, %d kept, %v", skipped, s.len(), err)
	}
	kept := s.len()
	s.close()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"torn`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if s, err = openSpool(path, 200); err != nil || s.len() != kept {
		t.Fatalf("%d labels, want %d, %v", s.len(), kept, err)
	}
	defer s.close()
	labels, size, err := s.next(1)
	if err != nil || len(labels) != 1 || labels[0].ID != "id0" || string(labels[0].Data) != string(someLabels(0, 1)[0].Data) {
		t.Fatalf("%+v, %v", labels, err)
	}
	if err := s.sent(1, size); err != nil || s.len() != kept-1 {
		t.Fatalf("%d are left, %v", s.len(), err)
	}
	if labels, _, _ = s.next(1); len(labels) != 1 || labels[0].ID != "id1" {
		t.Errorf("%+v", labels)
	}
}
