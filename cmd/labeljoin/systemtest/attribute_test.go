package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

const attributeConfig = `
join:
  window: 60s
  lateness: 1s
  corrections: 2h
  attribute: {to: last, by: {user_id: attrs.user, item: item_id}, within: 30s}
labels:
  clicked: 'type == "click"'
  clicks: {when: 'type == "click"', value: count}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
`

// testAttributed joins outcomes that name no request, over NATS: killed, with a request that comes late
// and takes outcomes over, and with the state lost. What is written is what a replay of the streams gives.
func testAttributed(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", attributeConfig)
	base := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	at := func(d time.Duration) string { return base.Add(d).Format(time.RFC3339) }
	f := newTraffic(t, b.broker.URL(), 0)
	request := func(id, user string, d time.Duration) {
		f.now(events.KindRequest,
			fmt.Sprintf(`{"request_id":%q,"user_id":%q,"ts":%q,"items":[{"item_id":"a"},{"item_id":"b"}]}`,
				id, user, at(d)))
	}
	click := func(user, item string, d time.Duration) {
		f.now(events.KindOutcome, fmt.Sprintf(`{"type":"click","item_id":%q,"ts":%q,"attrs":{"user":%q}}`, item, at(d), user))
	}
	const users = 10
	for n := range users {
		user := fmt.Sprint("u", n)
		for k := range 3 {
			request(fmt.Sprintf("%s-%d", user, k), user, time.Duration(10*k)*time.Second)
		}
		click(user, "a", 15*time.Second) // of the second request
		click(user, "c", 15*time.Second) // no request lists it
		click(user, "b", 51*time.Second) // after the window of attribution
	}
	click("", "a", time.Second) // it names no user
	// By these two all that is stamped before has been read.
	request("mark", "x", 5*time.Minute)
	click("x", "a", 5*time.Minute)
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", config)
	// committed waits until so many rows are, and those of the mark, if it has closed.
	committed := func(what string, requests, rows int64) {
		t.Helper()
		c.until(what, func() bool {
			s, ok := c.status()
			of := s.Events["request"]
			return ok && of.Read == requests && of.Pending <= 1 && s.Rows == rows+2*(1-of.Pending)
		})
	}
	committed("all before the mark is committed", 3*users+1, 2*3*users)
	s, _ := c.status()
	if a := s.Attribution; a == nil || a.Requests != 3*users+1 || a.Bytes == 0 {
		t.Errorf("the status says of attribution %+v", a)
	}
	c.kill()
	request("u0-late", "u0", 12*time.Second)
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.path("state")); err != nil {
		t.Fatal(err)
	}
	c = b.start("run", "--config", config)
	// The late request has two rows, and again the one that gets the click; the one that loses it is
	// written again too.
	committed("all that came is committed", 3*users+2, 2*3*users+4)
	if out, code := b.output("verify", "--config", config, "--deep"); code != 0 ||
		!strings.Contains(out, "every row is what the log gives") {
		t.Errorf("verify ends with %d: %s", code, out)
	}
	c.stop()
	for id, want := range map[string]string{
		"u1-1":    `item "a": clicked is 1`,
		"u0-1":    `item "a": clicked is 0`,
		"u0-late": `item "a": clicked is 1`,
		"u1-2":    `item "b": clicked is 0`,
	} {
		if out, code := b.output("explain", "--config", config, id); code != 0 || !strings.Contains(out, want) {
			t.Errorf("of %s explain does not say, with code %d, %q:\n%s", id, code, want, out)
		}
	}
}
