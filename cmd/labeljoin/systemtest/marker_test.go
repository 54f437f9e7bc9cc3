package systemtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// testMarkers has a server delete an outcome that was read, and leave a delete marker in its place: it is no event, and
// is in no dead letter, no dump and no replay. The outcome is known to be gone, so a replay makes no negative.
func testMarkers(t *testing.T, b *rig) {
	w := &silentWorld{rig: b, js: openTraffic(t, b.broker.URL(), 0).js}
	stream := jetstream.StreamConfig{Name: "ev", Subjects: []string{"ev.>"}, AllowMsgTTL: true,
		SubjectDeleteMarkerTTL: time.Hour, MaxMsgsPerSubject: 1} // else no message lives shorter than a marker
	if _, err := w.js.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	w.config = b.configureSilent(strings.NewReplacer("ev.requests", `"ev.requests.*"`, "ev.outcomes", `"ev.outcomes.*"`).
		Replace(silentConfig))
	send := func(kind, id, more, ttl string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), giveUpAfter)
		defer cancel()
		m := &nats.Msg{Subject: "ev." + kind + "." + id, Header: nats.Header{},
			Data: fmt.Appendf(nil, `{"request_id":%q,"ts":%d%s}`, id, time.Now().UnixMilli(), more)}
		if ttl != "" {
			m.Header.Set("Nats-TTL", ttl)
		}
		if _, err := w.js.PublishMsg(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	c := b.start("run", "--config", w.config)
	c.joins()
	send("requests", "r1", "", "")
	send("outcomes", "r1", `,"type":"click"`, "2s")
	w.closed(c, 1)
	c.until("the marker is passed over", func() bool {
		s, ok := c.status()
		return ok && s.Markers["ev"] == 1
	})
	send("requests", "r2", "", "")
	w.closed(c, 2)
	if s, ok := c.status(); !ok || s.DeadLetters != nil || s.Events["outcome"].Read != 1 {
		t.Errorf("dead letters %+v, outcomes %+v", s.DeadLetters, s.Events["outcome"])
	}
	if _, text := c.get("metrics"); !strings.Contains(text, `labeljoin_delete_markers_total{name="feed",stream="ev"} 1`) {
		t.Error("the marker is in no metric")
	}
	c.stop()
	if got := w.last(); got["r1"] != "1 closed" || got["r2"] != "0 closed" {
		t.Errorf("the rows are %v", got)
	}
	w.deep("with a marker", 0, "2 rows of requests", "every row is what the log gives", "messages 2 to 2 were read and are gone",
		"1 more row differs and may")
	again := []string{"replay", "--config", w.config, "--from-stream", "--complete", "--out", b.path("again")}
	for _, args := range [][]string{{"dump", "--config", w.config, "--out", b.path("dump")}, again} {
		const gone = "stream ev: messages 2 to 2 are gone from the middle"
		if out, talk, code := b.outputs(args...); code != 3 || !strings.Contains(talk, gone) {
			t.Errorf("%s, with code %d: %s%s", args[0], code, out, talk)
		}
	}
	if out, talk, code := b.outputs(append(again, "--allow-gone")...); code != 0 {
		t.Errorf("replay, with code %d: %s%s", code, out, talk)
	}
	if got := w.rowsOf("again"); got["r1"] != "<null> gap" || len(got) != 2 {
		t.Errorf("the rows of the replay are %v", got)
	}
	out, talk, code := b.outputs("dump", "--config", w.config, "--allow-gone", "--out", b.path("dump"))
	if code != 0 || !strings.Contains(out+talk, "2 requests, 0 outcomes, 0 heartbeats, 0 rejected, 0 quarantined") {
		t.Errorf("dump, with code %d: %s%s", code, out, talk)
	}
}
