package systemtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
)

// silentConfig reads both kinds from one stream that holds more.
const silentConfig = `
inputs: {requests: {subject: ev.requests, stream: ev}, outcomes: {subject: ev.outcomes, stream: ev}}
join: {window: 1s, lateness: 100ms, corrections: 1h}
labels: {clicked: 'type == "click"'}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
`

// silentWorld is a stream that holds requests, outcomes and more, under a prefix.
type silentWorld struct {
	*rig
	js     jetstream.JetStream
	stream jetstream.StreamConfig
	config string
}

func newSilentWorld(t *testing.T, b *rig, config string) *silentWorld {
	w := &silentWorld{rig: b, js: openTraffic(t, b.broker.URL(), 0).js, stream: jetstream.StreamConfig{Name: "ev", Subjects: []string{"ev.>"}}}
	if _, err := w.js.CreateStream(t.Context(), w.stream); err != nil {
		t.Fatal(err)
	}
	w.config = b.configureSilent(config)
	return w
}

// configureSilent writes a configuration whose inputs are its own.
func (b *rig) configureSilent(text string) string {
	b.t.Helper()
	path := b.path("labeljoin.yaml")
	whole := fmt.Sprintf("name: feed\nnats: {url: %q}\nhttp: {listen: 127.0.0.1:0}\nlog: {format: json}\n%s", b.broker.URL(), text)
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (w *silentWorld) publish(subject, id, more string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), giveUpAfter)
	defer cancel()
	if _, err := w.js.Publish(ctx, subject, fmt.Appendf(nil, `{"request_id":%q,"ts":%d%s}`, id, time.Now().UnixMilli(), more)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *silentWorld) request(id string) { w.publish("ev.requests", id, "") }
func (w *silentWorld) click(id string)   { w.publish("ev.outcomes", id, `,"type":"click"`) }
func (w *silentWorld) noise(id string)   { w.publish("ev.noise", id, "") }

// last is the newest row of each request: clicked and reason.
func (w *silentWorld) last() map[string]string { return w.rowsOf("labeled") }

// rowsOf is the same of an output.
func (w *silentWorld) rowsOf(dir string) map[string]string {
	rows := map[string]string{}
	if _, err := os.Stat(w.path(dir + "/data")); errors.Is(err, fs.ErrNotExist) {
		return rows
	}
	for key, revisions := range w.revisions(dir, []string{"request_id", "item_id", "revision", "clicked", "reason"}) {
		last := slices.MaxFunc(revisions, func(a, b []string) int { return strings.Compare(a[2], b[2]) })
		rows[strings.TrimSuffix(key, "/<null>")] = last[3] + " " + last[4]
	}
	return rows
}

// closed waits until no request is pending.
func (w *silentWorld) closed(c *child, rows int64) {
	w.t.Helper()
	c.until("requests are closed", func() bool {
		s, ok := c.status()
		return ok && s.Rows >= rows && s.Events["request"].Pending == 0
	})
}

// testPurgedBySubject: outcomes of a shared stream are purged by their subject while
// the joiner is away. A start refuses, gap log says so, and after it what is lost is
// not known.
func testPurgedBySubject(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, silentConfig)
	c := b.start("run", "--config", w.config)
	w.noise("n1")
	w.request("before")
	w.click("before")
	w.closed(c, 1)
	c.stop()
	w.request("lost")
	w.click("lost")
	w.noise("n2")
	st, err := w.js.Stream(t.Context(), "ev")
	if err == nil {
		err = st.Purge(t.Context(), jetstream.WithPurgeSubject("ev.outcomes"))
	}
	if err != nil {
		t.Fatal(err)
	}
	refused := b.start("run", "--config", w.config)
	if code := refused.code(); code != 3 || !strings.Contains(refused.log.text(), "may not have been read") || !strings.Contains(refused.log.text(), "gap log") {
		t.Fatalf("code %d: %s", code, refused.log.tail(2000))
	}
	if out, code := b.output("gap", "log", "--config", w.config); code != 0 || !strings.Contains(out, "may not have been read") {
		t.Fatalf("gap log, with code %d: %s", code, out)
	}
	if out, code := b.output("gap", "log", "--config", w.config, "--yes"); code != 0 || !strings.Contains(out, "declared as gap 1") {
		t.Fatalf("gap log --yes, with code %d: %s", code, out)
	}
	c = b.start("run", "--config", w.config)
	w.closed(c, 2)
	time.Sleep(1500 * time.Millisecond) // beyond the gap's end by a window
	w.request("after")
	w.closed(c, 3)
	c.stop()
	got := w.last()
	for id, want := range map[string]string{"before": "1 closed", "lost": "<null> gap", "after": "0 closed"} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
}

// testRenamedWhileAway: a subject transform is added while the joiner is away.
func testRenamedWhileAway(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, silentConfig)
	c := b.start("run", "--config", w.config)
	c.joins()
	c.stop()
	w.stream.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "ev.outcomes", Destination: "clean.outcomes"}
	if _, err := w.js.UpdateStream(t.Context(), w.stream); err != nil {
		t.Fatal(err)
	}
	w.request("r")
	w.click("r")
	refused := b.start("run", "--config", w.config)
	if code := refused.code(); code != 3 || !strings.Contains(refused.log.text(), "clean.outcomes") {
		t.Fatalf("code %d: %s", code, refused.log.tail(2000))
	}
	if rows := w.last(); len(rows) > 0 {
		t.Fatalf("rows %v", rows)
	}
	// Read as it is stored, the click is there.
	w.config = b.configureSilent(strings.Replace(silentConfig, "subject: ev.outcomes", "subject: clean.outcomes", 1))
	c = b.start("run", "--config", w.config)
	w.closed(c, 1)
	c.stop()
	if got := w.last()["r"]; got != "1 closed" {
		t.Errorf("the row is %q", got)
	}
}

// testMisspeltSubject: producers publish outcomes under another subject than the one
// that is read. Rows wait, and the log, the status and the metrics say why, until a
// heartbeat says that all is well.
func testMisspeltSubject(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, silentConfig)
	c := b.start("run", "--config", w.config)
	c.joins()
	w.publish("ev.outcome", "r", `,"type":"click"`)
	w.request("r")
	waits := func(s monitor.Status) bool {
		return slices.ContainsFunc(s.Waits, func(x monitor.Wait) bool { return x.Reason == "no_match" && strings.Contains(x.Detail, "ev.outcomes") })
	}
	c.until("it waits", func() bool { s, ok := c.status(); return ok && waits(s) })
	c.says("no message of stream")
	time.Sleep(3 * time.Second) // longer than the window
	if out, code := b.output("status", "--config", w.config); code != 0 || !strings.Contains(out, "no_match") {
		t.Errorf("status, with code %d: %s", code, out)
	}
	if rows := w.last(); len(rows) > 0 {
		t.Fatalf("rows %v", rows)
	}
	if _, err := w.js.Publish(t.Context(), "ev.outcomes", fmt.Appendf(nil, `{"heartbeat":%d}`, time.Now().UnixMilli())); err != nil {
		t.Fatal(err)
	}
	w.closed(c, 1)
	c.says("rows wait no more")
	if s, _ := c.status(); waits(s) {
		t.Errorf("it still waits: %+v", s.Waits)
	}
	c.stop()
	if got := w.last()["r"]; got != "0 closed" {
		t.Errorf("the row is %q", got)
	}
}

// testBeginsAgain: a joiner has run and seen nothing. What comes while it is away, and is purged before it is read, makes no
// negatives, whether or not it could prove anything by its clock.
func testBeginsAgain(t *testing.T, b *rig) {
	w := newOwnWorld(t, b)
	c := b.start("run", "--config", w.config)
	c.joins()
	time.Sleep(1500 * time.Millisecond) // time for a proof
	c.stop()
	w.publish("requests.a", "lost", "")
	w.publish("outcomes.a", "lost", `,"type":"click"`)
	w.purge("outcomes")
	if c = b.start("run", "--config", w.config); !c.joinsOrEnds() {
		if code := c.code(); code != 3 {
			t.Fatalf("code %d: %s", code, c.log.tail(2000))
		}
		if out, code := b.output("gap", "log", "--config", w.config, "--yes"); code != 0 {
			t.Fatalf("gap log --yes, with code %d: %s", code, out)
		}
		c = b.start("run", "--config", w.config)
	}
	w.closed(c, 1)
	c.stop()
	if got := w.last()["lost"]; got != "<null> gap" {
		t.Errorf("the request is %q", got)
	}
}

// testAddedLate: a stream of outcomes is added that has lost its beginning meanwhile. Requests that are open then are no
// negatives.
func testAddedLate(t *testing.T, b *rig) {
	w := newOwnWorld(t, b)
	if _, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "more", Subjects: []string{"more.>"}}); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", w.config)
	w.publish("requests.a", "before", "")
	w.publish("outcomes.a", "before", `,"type":"click"`)
	w.closed(c, 1)
	c.stop()
	w.publish("requests.a", "lost", "")
	w.publish("more.a", "lost", `,"type":"click"`)
	w.purge("more")
	w.config = b.configureSilent(strings.Replace(ownConfig, "outcomes: {", "more: {subject: more.>, kind: outcome}, outcomes: {", 1))
	c = b.start("run", "--config", w.config)
	w.closed(c, 2)
	c.stop()
	got := w.last()
	for id, want := range map[string]string{"before": "1 closed", "lost": "<null> gap"} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
}

// testBeginsWithHoles: a message is gone from the middle of a stream, of one that is shared or not, before the joiner
// is started for the first time. It may have been an outcome, so requests of that time are no negatives.
func testBeginsWithHoles(t *testing.T, b *rig) {
	js := openTraffic(t, b.broker.URL(), 0).js
	for _, name := range []string{"own", "shared"} {
		w := &silentWorld{rig: &rig{t: t, binary: b.binary, dir: t.TempDir(), broker: b.broker}, js: js}
		st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}})
		if err != nil {
			t.Fatal(err)
		}
		w.config = w.configureSilent(strings.NewReplacer("ev.", name+".", "stream: ev", "stream: "+name).Replace(silentConfig))
		if name == "shared" {
			w.publish(name+".others", "x", "")
		}
		w.publish(name+".requests", "before", "")
		w.publish(name+".outcomes", "before", `,"type":"click"`)
		time.Sleep(2500 * time.Millisecond) // two windows: it is not of that time
		w.publish(name+".requests", "gone", "")
		w.publish(name+".outcomes", "gone", `,"type":"click"`)
		info, err := st.Info(t.Context())
		if err == nil {
			err = st.DeleteMsg(t.Context(), info.State.LastSeq)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.publish(name+".outcomes", "none", `,"type":"click"`)
		time.Sleep(1500 * time.Millisecond)
		w.publish(name+".requests", "after", "")
		for range 2 { // it is declared once
			c := w.start("run", "--config", w.config)
			c.until("all has closed", func() bool { s, ok := c.status(); return ok && s.Rows == 3 && s.Gaps == 1 })
			c.stop()
		}
		if got, want := w.last(), map[string]string{"before": "1 closed", "gone": "<null> gap", "after": "0 closed"}; !maps.Equal(got, want) {
			t.Errorf("%s: the rows are %v, want %v", name, got, want)
		}
		if out, code := w.output("gap", "list", "--config", w.config); code != 0 || strings.Count(out, "lacks messages from") != 1 {
			t.Errorf("%s: gap list, with code %d: %s", name, code, out)
		}
		if out, code := w.output("verify", "--config", w.config, "--deep"); code != 0 {
			t.Errorf("%s: verify --deep says %d: %s", name, code, out)
		}
	}
}

// ownConfig reads each kind from a stream of its own.
var ownConfig = strings.NewReplacer("ev.requests, stream: ev", "requests.>", "ev.outcomes, stream: ev", "outcomes.>").Replace(silentConfig)

// newOwnWorld has a stream for each kind.
func newOwnWorld(t *testing.T, b *rig) *silentWorld {
	w := &silentWorld{rig: b, js: openTraffic(t, b.broker.URL(), 0).js}
	for _, name := range []string{"requests", "outcomes"} {
		if _, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
			t.Fatal(err)
		}
	}
	w.config = b.configureSilent(ownConfig)
	return w
}

// purge empties a stream.
func (w *silentWorld) purge(name string) {
	w.t.Helper()
	st, err := w.js.Stream(w.t.Context(), name)
	if err == nil {
		err = st.Purge(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// testBeginsLate: the outcomes' stream has lost its beginning before the joiner is
// started for the first time. Requests of that time are no negatives.
func testBeginsLate(t *testing.T, b *rig) {
	w := newOwnWorld(t, b)
	w.publish("requests.a", "old", "")
	w.publish("outcomes.a", "old", `,"type":"click"`)
	w.purge("outcomes")
	w.publish("outcomes.a", "none", `,"type":"click"`)
	time.Sleep(1500 * time.Millisecond) // more than a window: what comes now is not of that time
	w.publish("requests.a", "new", "")
	c := b.start("run", "--config", w.config)
	w.closed(c, 2)
	c.stop()
	got := w.last()
	for id, want := range map[string]string{"old": "<null> gap", "new": "0 closed"} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
	if out, code := b.output("gap", "list", "--config", w.config); code != 0 || !strings.Contains(out, "begins with message 2") {
		t.Errorf("gap list, with code %d: %s", code, out)
	}
	c = b.start("run", "--config", w.config)
	c.joins()
	c.stop()
	if out, _ := b.output("gap", "list", "--config", w.config); strings.Count(out, "begins with message") != 1 {
		t.Errorf("it is declared again: %s", out)
	}
	if out, code := b.output("verify", "--config", w.config, "--deep"); code != 0 {
		t.Errorf("verify --deep says %d: %s", code, out)
	}
}
