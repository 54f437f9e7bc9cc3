package jetstream

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/events"
)

var replies = []struct {
	reply string
	want  delivered
	ok    bool
}{
	{"$JS.ACK.S.C.1.22.3.1700000000000000000.5", delivered{22, 3, 1700000000000000000}, true},
	{"$JS.ACK.hub.acc.S.C.1.22.3.1700000000000000000.5", delivered{22, 3, 1700000000000000000}, true},
	{"$JS.ACK._.acc.S.C.1.22.3.1700000000000000000.5.rnd", delivered{22, 3, 1700000000000000000}, true},
	{"", delivered{}, false},
	{"$JS.ACK.", delivered{}, false},
	{"$JS.ACK.S.C.1.22.3.5", delivered{}, false},
	{"$JS.ACK.S.C.1.0.3.5.0", delivered{}, false},
	{"$JS.ACK.S.C.1.2.0.5.0", delivered{}, false},
	{"$JS.ACK.S.C.1.x.3.5.0", delivered{}, false},
	{"$JS.ACK.S.C.1.18446744073709551617.3.5.0", delivered{}, false},
	{"$JS.ACK.S.C.1.2.3.9999999999999999999.0", delivered{}, false},
	{"_INBOX.S.C.1.22.3.1700000000000000000.5", delivered{}, false},
}

func TestParseReply(t *testing.T) {
	for _, c := range replies {
		if got, ok := parseReply(c.reply); got != c.want || ok != c.ok {
			t.Errorf("%q: got %+v, %v", c.reply, got, ok)
		}
	}
}

// The client library parses the same text: whatever we accept, it reads the
// same.
func FuzzParseReply(f *testing.F) {
	for _, c := range replies {
		f.Add(c.reply)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		got, ok := parseReply(reply)
		if !ok {
			return
		}
		msg := &nats.Msg{Reply: reply, Sub: &nats.Subscription{}}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatalf("%q: got %+v, the library %v", reply, got, err)
		}
		if got.stream != meta.Sequence.Stream || got.consumer != meta.Sequence.Consumer || got.stored != events.Time(meta.Timestamp.UnixNano()) {
			t.Fatalf("%q: got %+v, the library %+v", reply, got, meta)
		}
	})
}
