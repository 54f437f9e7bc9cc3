package jetstream

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestNewest: the newest messages of a log, among many of other subjects, the oldest first.
func TestNewest(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "many", Subjects: []string{"a", "b"}})
	publish(t, nc, "a", 1, 6)
	publish(t, nc, "b", 1, 200)
	log := find(t, nc, Input{Name: "in", Subject: "a", Mapped: true})
	for n, want := range map[int][]uint64{3: {3, 4, 5}, 20: {1, 2, 3, 4, 5}} {
		list, err := Newest(deadline(t), nc, &log, n)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%d of %d messages, %v", len(list), n, err)
		}
		for i := range list {
			if list[i].Seq != want[i] || list[i].Envelope == nil || list[i].Envelope.Subject != "a" {
				t.Errorf("message %d of %d is %+v, want that of %d", i, n, list[i], want[i])
			}
		}
	}
	empty := find(t, nc, Input{Name: "none", Subject: "other", Create: true})
	if list, err := Newest(deadline(t), nc, &empty, 5); err != nil || len(list) != 0 {
		t.Errorf("an empty log has %d messages, %v", len(list), err)
	}
}
