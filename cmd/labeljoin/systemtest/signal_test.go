package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

// testSecondProcess starts a second joiner on the directories of a first: on
// both, on the output alone, on the state alone. It is refused, with a word on
// what to do, and the first goes on.
func testSecondProcess(t *testing.T, b *rig) {
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig))
	c.joins()
	for name, more := range map[string]string{
		"both.yaml":   badConfig,
		"output.yaml": badConfig + "state: {dir: other}\n",
		"state.yaml":  strings.Replace(badConfig, "output: {", "output: {dir: other, ", 1),
	} {
		second := b.start("run", "--config", b.configure(name, more))
		if code := second.code(); code != terminal.ExitFailed {
			t.Errorf("%s: exit code %d, want %d", name, code, terminal.ExitFailed)
		}
		if text := second.log.text(); !strings.Contains(text, "in use by another process") {
			t.Errorf("%s: it says\n%s", name, text)
		}
	}
	c.stop()
}

// testTerminated stops a joiner that would not commit for an hour: SIGTERM
// makes it commit what has closed, and end well.
func testTerminated(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", strings.Replace(badConfig, "interval: 100ms", "interval: 1h", 1))
	c := b.start("run", "--config", config)
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	now := time.Now().UnixMilli()
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"good","ts":%d}`, now))
	f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"good","ts":%d,"type":"click"}`, now))
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"open","ts":%d}`, now+200_000))
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	closed := time.UnixMilli(now).Add(time.Second)
	c.until("the request is closed", func() bool {
		s, ok := c.status()
		watermark, err := time.Parse(time.RFC3339Nano, s.Watermark)
		return ok && err == nil && watermark.After(closed) && s.Events["request"].Read == 2
	})
	if n := len(b.manifests()); n != 0 {
		t.Fatalf("%d commits before it was stopped", n)
	}
	c.stop()
	rows := b.revisions("labeled", badColumns)
	if len(b.manifests()) != 1 || len(rows) != 1 || len(rows["good/<null>"]) != 1 || rows["good/<null>"][0][4] != "1" {
		t.Errorf("%d commits, rows %v", len(b.manifests()), rows)
	}
}

// testTerminatedTwice sends two signals before the joiner can act on the first.
func testTerminatedTwice(t *testing.T, b *rig) {
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig))
	c.joins()
	for _, s := range []os.Signal{syscall.SIGSTOP, syscall.SIGTERM, os.Interrupt, syscall.SIGCONT} {
		if err := c.signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if code := c.code(); code != terminal.ExitStopped {
		t.Errorf("exit code %d, want %d", code, terminal.ExitStopped)
	}
}

// testHungUp closes the terminal of a joiner, which is told so twice: it ends well. One that
// was started by nohup goes on.
func testHungUp(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", badConfig)
	c := b.start("run", "--config", config)
	c.joins()
	for _, s := range []os.Signal{syscall.SIGSTOP, syscall.SIGHUP, syscall.SIGCONT, syscall.SIGHUP} {
		if err := c.signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if code := c.code(); code != 0 {
		t.Errorf("exit code %d after SIGHUP", code)
	}
	c = b.startWith(exec.Command("nohup", b.binary, "run", "--config", config))
	c.joins()
	if err := c.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	f := openTraffic(t, b.broker.URL(), 0)
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"r","ts":%d}`, time.Now().UnixMilli()))
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	c.until("the joiner of nohup has read a request", func() bool {
		s, ok := c.status()
		return ok && s.Events["request"].Read == 1
	})
	if text := c.log.text(); strings.Contains(text, "finishing") {
		t.Errorf("it says\n%s", text)
	}
	c.stop()
}

// testLabelStreamRefuses takes the label stream away, which may not be made again.
// Rows go on, status and readiness name the cause, a stop is no slower; when the
// stream is back, the labels come, those of the process before included.
func testLabelStreamRefuses(t *testing.T, b *rig) {
	f := openTraffic(t, b.broker.URL(), 0)
	labels := jetstream.StreamConfig{Name: "labels", Subjects: []string{"labels.feed"}}
	if _, err := f.js.CreateStream(t.Context(), labels); err != nil {
		t.Fatal(err)
	}
	config := b.configure("labeljoin.yaml", badConfig+"publish: {subject: labels.feed}\n")
	for n, id := range []string{"first", "second"} {
		c := b.start("run", "--config", config)
		c.joins()
		if n == 0 {
			if err := f.js.DeleteStream(t.Context(), "labels"); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now().UnixMilli()
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":%q,"ts":%d}`, id, now))
		f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":%q,"ts":%d,"type":"click"}`, id, now))
		c.until("the row is written", func() bool {
			s, ok := c.status()
			return ok && s.Rows > int64(n)
		})
		if n == 0 {
			c.until("the status names the label stream", func() bool {
				s, ok := c.status()
				return ok && slices.ContainsFunc(s.Waits, func(w monitor.Wait) bool {
					return w.Reason == "label_stream" && strings.Contains(w.Detail, "labels.feed")
				})
			})
			if code, text := c.get("readyz"); code != 503 || !strings.Contains(text, "labels.feed") {
				t.Errorf("readyz is %d: %s", code, text)
			}
			c.stop()
			if _, err := f.js.CreateStream(t.Context(), labels); err != nil {
				t.Fatal(err)
			}
			continue
		}
		c.until("all labels are sent", func() bool {
			s, ok := c.status()
			return ok && len(s.Waits) == 0
		})
		c.stop()
	}
	st, err := f.js.Stream(t.Context(), "labels")
	if err != nil {
		t.Fatal(err)
	}
	var order []string // of the requests that labels are of
	for seq := uint64(1); seq <= st.CachedInfo().State.LastSeq; seq++ {
		m, err := st.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		var l struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(m.Data, &l); err != nil {
			t.Fatal(err)
		}
		order = append(order, l.RequestID)
	}
	if slices.Sort(order); len(slices.Compact(slices.Clone(order))) != 2 || order[0] != "first" {
		t.Errorf("labels came of %v", order)
	}
}

// testWaitsForNATS starts a joiner while NATS is away: it answers, says what it waits
// for, and ends when it is told to. With NATS there it joins.
func testWaitsForNATS(t *testing.T, b *rig) {
	port := b.port()
	config := b.configure("labeljoin.yaml", badConfig)
	if err := b.broker.Close(); err != nil {
		t.Fatal(err)
	}
	waits := func() *child {
		c := b.start("run", "--config", config)
		c.until("it says what it waits for", func() bool {
			code, text := c.get("readyz")
			return code == 503 && strings.Contains(text, "waiting for NATS: ")
		})
		if code, text := c.get("healthz"); code != 200 {
			t.Errorf("healthz is %d: %s", code, text)
		}
		if out, _ := b.output("status", "--config", config); !strings.Contains(out, "waiting for NATS") {
			t.Errorf("status says %s", out)
		}
		return c
	}
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := waits()
		if err := c.signal(s); err != nil {
			t.Fatal(err)
		}
		if code := c.code(); code != 0 {
			t.Errorf("exit code %d after %s", code, s)
		}
	}
	c := waits()
	b.broker = b.startBroker(port)
	c.joins()
	c.until("it is ready", func() bool { code, _ := c.get("readyz"); return code == 200 })
	c.stop()
}

// testPortInUse starts a joiner whose embedded server's port is taken: it fails at
// once, and says what to do.
func testPortInUse(t *testing.T, b *rig) {
	path := b.path("embedded.yaml")
	text := fmt.Sprintf("name: feed\nnats: {embedded: true, port: %d}\nstate: {dir: %s}\noutput: {dir: %s}\n%s",
		b.port(), b.path("state2"), b.path("out2"), "labels: {clicked: 'type == \"click\"'}\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", path)
	if code := c.code(); code != terminal.ExitFailed {
		t.Errorf("exit code %d, want %d", code, terminal.ExitFailed)
	}
	if text := c.log.text(); !strings.Contains(text, "address already in use") || !strings.Contains(text, "nats.port") {
		t.Errorf("it says\n%s", text)
	}
}

// testServerAway takes the server away and brings it back. Nothing is lost, and
// the log says little about it.
func testServerAway(t *testing.T, b *rig) {
	port := b.port()
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig+"publish: {subject: labels.feed, create: true}\n"))
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	sent := 0
	send := func() {
		for range 50 {
			now := time.Now().UnixMilli()
			f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"r%d","ts":%d}`, sent, now))
			f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"r%d","ts":%d,"type":"click"}`, sent, now))
			sent++
		}
		if err := f.settle(); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		send()
		if err := b.broker.Close(); err != nil {
			t.Fatal(err)
		}
		c.until("it notices", func() bool { return strings.Count(c.log.text(), "reconnecting for ever") > n })
		time.Sleep(2 * time.Second) // several attempts to reconnect
		b.broker = b.startBroker(port)
		c.until("it is back", func() bool { return strings.Count(c.log.text(), "nats reconnected") > n })
	}
	send()
	b.closeAll(c, f)
	c.stop()
	rows := b.revisions("labeled", badColumns)
	for i := range sent {
		if key := fmt.Sprintf("r%d/<null>", i); len(rows[key]) == 0 || rows[key][len(rows[key])-1][4] != "1" {
			t.Errorf("%s is not labeled: %v", key, rows[key])
		}
	}
	if len(rows) != sent {
		t.Errorf("%d rows, want %d", len(rows), sent)
	}
	lines := 0
	for line := range strings.Lines(c.log.text()) {
		if !strings.Contains(line, `"msg":"committed"`) {
			lines++
		}
	}
	if lines > 40 {
		t.Errorf("%d lines about two outages:\n%s", lines, c.log.tail(8000))
	}
	t.Logf("%d lines", lines)
}
