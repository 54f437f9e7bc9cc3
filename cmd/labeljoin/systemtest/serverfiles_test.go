package systemtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// testFlippedBit flips a bit of a message in the server's files while the server is down. An unread message is lost with
// that, and others stand behind it: the start refuses, and gap log leads out. Of a message that was read nothing is lost.
// The stream holds nothing else: where it does, no one knows of such a message.
func testFlippedBit(t *testing.T, b *rig) {
	w := newOutWorld(t, b, openTraffic(t, b.broker.URL(), 0).js, "bits")
	w.hold("requests", "outcomes")
	damaged := func(text string) {
		t.Helper()
		b.whileStopped(func() {
			flipIn(t, filepath.Join(b.dir, "nats", "jetstream", "$G", "streams", w.name, "msgs", "*.blk"), text)
		})
	}
	damaged(`"request_id":"a1"`)
	w.goesOn("behind", false)
	w.send("request", "lost", "")
	w.send("outcome", "lost", `,"type":"click"`)
	w.send("request", "kept", "")
	w.send("outcome", "kept", `,"type":"click"`)
	damaged(`"request_id":"lost"`)
	refused := w.start("run", "--config", w.config)
	if code := refused.code(); code != terminal.ExitRefused || !strings.Contains(refused.log.text(), "is damaged") {
		t.Fatalf("the start ends with %d: %s", code, refused.log.tail(2000))
	}
	if out := w.do("gap", "log"); !strings.Contains(out, "is damaged") || !strings.Contains(out, "labeljoin gap log --yes") {
		t.Errorf("gap log says %s", out)
	}
	w.declare()
	w.goesOn("later", true)
	for id, want := range map[string]string{"lost": "<null> gap", "kept": "1 closed"} {
		if got := w.last()[id]; got != want {
			t.Errorf("the row of %q is %q, want %q", id, got, want)
		}
	}
}

// testOlderServer puts the server's files back as they were before messages were read. Whether others have their places
// meanwhile or not, a start refuses, and gap log leads out.
func testOlderServer(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	for _, c := range []struct {
		name, refusal string
		sent          int // requests, with an outcome each
	}{
		{"rewound", "ends at sequence 6, but was already read through 9: the broker lost its newest messages", 0},
		{"grown", "has another message 9 than the one that was read", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newOutWorld(t, b, js, c.name)
			server, older := b.path("nats"), filepath.Join(t.TempDir(), "nats")
			b.whileStopped(func() { copyFiles(t, server, older) })
			w.join("c", 6)
			b.whileStopped(func() {
				if err := os.RemoveAll(server); err != nil {
					t.Fatal(err)
				}
				copyFiles(t, older, server)
			})
			for range c.sent {
				w.send("request", "new", "")
				w.send("outcome", "new", `,"type":"click"`)
			}
			refused := w.start("run", "--config", w.config)
			if code, said := refused.code(), refused.log.text(); code != terminal.ExitRefused || !strings.Contains(said, c.refusal) ||
				!strings.Contains(said, "labeljoin gap log") {
				t.Fatalf("the start ends with %d: %s", code, refused.log.tail(2000))
			}
			w.declare()
			w.goesOn("later", true)
			w.remove("state/p0000")
			w.goesOn("last", true)
		})
	}
}

// whileStopped does something while the broker is stopped.
func (b *rig) whileStopped(do func()) {
	b.t.Helper()
	port := b.port()
	if err := b.broker.Close(); err != nil {
		b.t.Fatal(err)
	}
	do()
	b.broker = b.startBroker(port)
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// flipIn flips a bit in the last place that has a text, in the file of some that has it.
func flipIn(t *testing.T, pattern, text string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	flipped := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndex(data, []byte(text))
		if at < 0 {
			continue
		}
		data[at] ^= 1
		flipped++
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if flipped != 1 {
		t.Fatalf("%q is nowhere in %v", text, paths)
	}
}
