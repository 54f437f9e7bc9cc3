package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// testDeepErased erases messages that were read, a request, outcomes and the noise of
// others: what the log gives of the rest is compared, and a row that was altered is
// still found.
func testDeepErased(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, silentConfig)
	c := b.start("run", "--config", w.config)
	c.joins()
	for i := range 3 {
		w.request(fmt.Sprint("early", i))
		w.click(fmt.Sprint("early", i))
	}
	w.closed(c, 3)
	time.Sleep(2500 * time.Millisecond) // beyond max_future, so that what follows is bounded
	w.request("r")
	w.click("r")
	w.request("erased")
	w.click("erased")
	w.noise("n")
	w.closed(c, 5)
	c.stop()
	w.deep("whole", 0, "5 rows of requests", "every row is what the log gives")
	st, err := w.js.Stream(t.Context(), "ev")
	if err != nil {
		t.Fatal(err)
	}
	for seq := st.CachedInfo().State.LastSeq - 2; seq <= st.CachedInfo().State.LastSeq; seq++ { // its request, its click, the noise
		if err := st.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	w.deep("erased", 0, "4 rows of requests", "every row is what the log gives", "messages 9 to 11 were read and are gone", "1 more row differs and may")
	if err := st.DeleteMsg(t.Context(), 2); err != nil { // a click: it was read before any commit
		t.Fatal(err)
	}
	w.deep("the first click too", 0, "messages 2 to 2 were read and are gone", "2 more rows differ and may")
}

// testDeepRestored restores the stream from a backup, whose creation time is another:
// it is the log that was read.
func testDeepRestored(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, silentConfig)
	c := b.start("run", "--config", w.config)
	w.request("a")
	w.click("a")
	w.closed(c, 1)
	c.stop()
	w.restoreStream("ev")
	w.deep("restored", 0, "1 row of requests", "every row is what the log gives")
	c = b.start("run", "--config", w.config)
	w.request("b")
	w.closed(c, 2)
	c.stop()
	w.deep("read on", 0, "2 rows of requests", "every row is what the log gives")
}

// testDeepManyLate brings more late outcomes to a request than live takes. A replay would
// take them all, so it is told which were rejected. A lost state takes them all, too.
func testDeepManyLate(t *testing.T, b *rig) {
	w := newSilentWorld(t, b, strings.Replace(silentConfig, "labels: {", `labels: {bought: 'type == "buy"', `, 1))
	c := b.start("run", "--config", w.config)
	c.joins()
	ts := time.Now().UnixMilli()
	publish := func(subject string, lines ...string) {
		t.Helper()
		if _, err := w.js.Publish(t.Context(), subject, []byte(strings.Join(lines, "\n"))); err != nil {
			t.Fatal(err)
		}
	}
	publish("ev.requests", fmt.Sprintf(`{"request_id":"r","ts":%d}`, ts))
	w.closed(c, 1)
	late := make([]string, 1005)
	for i := range late {
		kind := "click"
		if i >= 1000 {
			kind = "buy"
		}
		late[i] = fmt.Sprintf(`{"request_id":"r","ts":%d,"type":%q,"outcome_id":"o%d"}`, ts+100, kind, i)
	}
	publish("ev.outcomes", late...)
	c.until("all was read", func() bool {
		s, ok := c.status()
		return ok && s.Events["outcome"].Read == 1005 && s.Events["outcome"].Disposed["rejected"] == 5
	})
	c.stop()
	if got := w.last()["r"]; got != "1 corrected" {
		t.Fatalf("the row is %s", got)
	}
	w.deep("with dead letters", 0, "1 row of requests", "every row is what the log gives",
		"of 1 request, limits rejected events when they were read, which count in no row: 5 too_many_corrections")
	if err := os.RemoveAll(w.path("state")); err != nil {
		t.Fatal(err)
	}
	c = b.start("run", "--config", w.config)
	publish("ev.outcomes", fmt.Sprintf(`{"request_id":"r","ts":%d,"type":"click"}`, ts+50))
	c.until("the row is made of all that there is", func() bool {
		s, ok := c.status()
		return ok && s.Rows == 3
	})
	c.stop()
	if out := w.deep("with a state that was read from the log again", 0, "every row is what the log gives"); strings.Contains(out, "differs and may") {
		t.Errorf("a row is excused that the whole log gives: %s", out)
	}
}

// deep runs verify --deep, and returns what it says.
func (w *silentWorld) deep(when string, want int, says ...string) (out string) {
	w.t.Helper()
	out, talk, code := w.outputs("verify", "--config", w.config, "--deep")
	out += talk
	for _, text := range says {
		if !strings.Contains(out, text) {
			w.t.Errorf("%s: it does not say %q: %s", when, text, out)
		}
	}
	if code != want {
		w.t.Errorf("%s: verify --deep says %d, want %d: %s", when, code, want, out)
	}
	return out
}

// restoreStream takes a backup of a stream, deletes it and restores it.
func (w *silentWorld) restoreStream(name string) { w.t.Helper(); w.backupStream(name)() }

// backupStream takes a backup of a stream. restore deletes the stream and makes it of the backup.
func (w *silentWorld) backupStream(name string) (restore func()) {
	w.t.Helper()
	nc := w.js.Conn()
	ask := func(subject string, body any, answer any) {
		w.t.Helper()
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		m, err := nc.RequestWithContext(w.t.Context(), subject, data)
		if err == nil {
			err = json.Unmarshal(m.Data, answer)
		}
		if err != nil || strings.Contains(string(m.Data), `"error"`) {
			w.t.Fatalf("%s: %v %s", subject, err, m.Data)
		}
	}
	inbox := nats.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		w.t.Fatal(err)
	}
	var backup map[string]json.RawMessage
	ask("$JS.API.STREAM.SNAPSHOT."+name, map[string]any{"deliver_subject": inbox, "no_consumers": true}, &backup)
	var chunks [][]byte
	for {
		m, err := sub.NextMsgWithContext(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if len(m.Data) == 0 {
			break
		}
		chunks = append(chunks, m.Data)
		if m.Reply == "" {
			continue
		}
		if err := m.Respond(nil); err != nil {
			w.t.Fatal(err)
		}
	}
	return func() {
		w.t.Helper()
		time.Sleep(1100 * time.Millisecond)
		if err := w.js.DeleteStream(w.t.Context(), name); err != nil {
			w.t.Fatal(err)
		}
		var begun struct {
			DeliverSubject string `json:"deliver_subject"`
		}
		ask("$JS.API.STREAM.RESTORE."+name, map[string]any{"config": backup["config"], "state": backup["state"]}, &begun)
		for _, chunk := range append(chunks, nil) {
			if _, err := nc.RequestWithContext(w.t.Context(), begun.DeliverSubject, chunk); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// testDeepLeftOut leaves an input out that shares its stream with others: what was made of it is not compared, and that
// is said.
func testDeepLeftOut(t *testing.T, b *rig) {
	const app = "app: {kind: outcome, subject: ev.app, stream: ev}, "
	w := newSilentWorld(t, b, strings.Replace(silentConfig, "inputs: {", "inputs: {"+app, 1))
	c := b.start("run", "--config", w.config)
	c.joins()
	w.request("a")
	w.publish("ev.app", "a", `,"type":"click"`)
	w.click("a") // of a subject without a message silence proves nothing
	w.closed(c, 1)
	c.stop()
	w.deep("with the app", 0, "1 row of requests", "every row is what the log gives")
	w.config = b.configureSilent(silentConfig)
	c = b.start("run", "--config", w.config)
	w.request("b")
	w.closed(c, 2)
	w.request("c")
	w.closed(c, 3)
	c.stop()
	w.deep("without the app", 0, "input app (ev) is left out of the configuration", "every row is what the log gives")
	w.config = b.configureSilent(strings.Replace(silentConfig, "inputs: {", "inputs: {retired: other, ", 1))
	w.deep("with a retired stream", 0, "stream other is in inputs.retired and is not read")
}
