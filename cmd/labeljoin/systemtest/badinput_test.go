package systemtest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// badConfig has windows of a second.
const badConfig = `
join: {window: 1s, lateness: 200ms, corrections: 1s}
labels:
  clicked: {when: 'type == "click"'}
  clicks:  {when: 'type == "click"', value: count}
output: {roll: {interval: 100ms}}
`

var badColumns = []string{"request_id", "item_id", "revision", "request_ts", "clicked", "clicks"}

// maxPayload is the largest message of a server as it comes.
const maxPayload = 1 << 20

// badEvent is an event that must be left out, and why.
type badEvent struct {
	kind   events.Kind
	data   string
	reason string
}

func badEvents(now int64) []badEvent {
	var bad []badEvent
	for kind := range events.Kind(events.Kinds) {
		add := func(reason, format string, args ...any) {
			bad = append(bad, badEvent{kind: kind, data: fmt.Sprintf(format, args...), reason: reason})
		}
		add("not_json", "hello")
		add("not_json", `{"request_id":"a","ts":%d,"type":"click"`, now)
		add("not_json", `{"request_id":"a" "ts":%d}`, now)
		add("not_object", `"a"`)
		add("missing_request_id", `{"ts":%d,"type":"click"}`, now)
		add("empty_request_id", `{"request_id":"","ts":%d,"type":"click"}`, now)
		add("long_request_id", `{"request_id":%q,"ts":%d,"type":"click"}`, strings.Repeat("x", 257), now)
		add("wrong_type", `{"request_id":1.5,"ts":%d,"type":"click"}`, now)
		add("wrong_type", `{"request_id":["a"],"ts":%d,"type":"click"}`, now)
		add("missing_ts", `{"request_id":"a","type":"click"}`)
		add("bad_ts", `{"request_id":"a","ts":"yesterday","type":"click"}`)
		add("bad_ts", `{"request_id":"a","ts":1e300,"type":"click"}`)
		add("max_future", `{"request_id":"a","ts":"2099-01-01T00:00:00Z","type":"click"}`)
		add("max_age", `{"request_id":"a","ts":1,"type":"click"}`)
		add("duplicate_key", `{"request_id":"a","request_id":"b","ts":%d,"type":"click"}`, now)
		add("duplicate_key", `{"request_id":"a","ts":%d,"type":"click","attrs":{"x":{"y":1,"y":2}},"features":{"x":{"y":1,"y":2}}}`, now)
		add("invalid_utf8", "{\"request_id\":\"a\xff\",\"ts\":%d,\"type\":\"click\"}", now)
		add("too_deep", `{"request_id":"a","ts":%d,"type":"click","features":%s%s}`, now, strings.Repeat(`{"a":`, 100), "1"+strings.Repeat("}", 100))
		add("not_json", "%s", strings.Repeat("x", maxPayload))
		add("", "%s", strings.Repeat("[", maxPayload))
		add("", "%s", strings.Repeat(`{"a":`, maxPayload/5))
	}
	return append(bad,
		badEvent{events.KindOutcome, fmt.Sprintf(`{"request_id":"a","ts":%d}`, now), "missing_type"},
		badEvent{events.KindOutcome, fmt.Sprintf(`{"request_id":"a","ts":%d,"type":3}`, now), "wrong_type"},
		badEvent{events.KindRequest, fmt.Sprintf(`{"request_id":"a","ts":%d,"items":[{"position":1}]}`, now), "bad_item"},
	)
}

// oddIDs are ids that are well formed, and dangerous where a name of a file is
// made of one.
var oddIDs = []string{`\u0000`, "a/b", "..", "../../../escaped", "/etc/passwd", `C:\\x`, ".", "*", "é\\ud83d\\ude00", "%00"}

// testBadInput sends what no decent producer sends. Each of it is in the dead
// letters, whole, with its origin and a reason, and what is good is joined.
func testBadInput(t *testing.T, b *rig) {
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig))
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	now := time.Now().UnixMilli()
	bad := badEvents(now)
	for _, e := range bad {
		f.now(e.kind, e.data)
	}
	for _, id := range oddIDs {
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"%s","ts":%d,"model":"%s","items":[{"item_id":"%s"}]}`, id, now, id, id))
		f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"%s","ts":%d,"type":"click","item_id":"%s"}`, id, now, id))
	}
	large := fmt.Sprintf(`{"request_id":"large","ts":%d,"features":{"text":"`, now)
	f.now(events.KindRequest, large+strings.Repeat("x", maxPayload-len(large)-3)+`"}}`)
	f.now(events.KindOutcome, fmt.Sprintf(`[1,{"request_id":"large","ts":%d,"type":"click"},null]`, now))
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"good","ts":%d}`, now+1))
	f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"good","ts":%d,"type":"click"}`, now+1))
	f.read[events.KindOutcome] += 2 // the array holds three
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	b.closeAll(c, f)
	b.boundedMemory(c, 400<<20)
	c.stop()

	rows := b.revisions("labeled", badColumns)
	for _, key := range []string{"good/<null>", "large/<null>", "\x00/\x00", "../..", "../../../escaped/../../../escaped"} {
		if len(rows[key]) != 1 || rows[key][0][4] != "1" {
			t.Errorf("%q is not labeled: %v", key, rows[key])
		}
	}
	if len(rows) != len(oddIDs)+2 {
		t.Errorf("%d rows, want %d", len(rows), len(oddIDs)+2)
	}
	b.checkLetters(bad)
	b.checkPaths()
}

// checkLetters holds the dead letters against what was sent. Two more, a number
// and a null, were in an array.
func (b *rig) checkLetters(bad []badEvent) {
	b.t.Helper()
	letters := b.deadLetters()
	if len(letters) != len(bad)+2 {
		b.t.Errorf("%d dead letters, want %d", len(letters), len(bad)+2)
	}
	type sent struct {
		kind string
		data string
	}
	byEvent := map[sent]deadLetter{}
	for _, d := range letters {
		if d.Seq == 0 || d.Reason == "" || d.Detail == "" || d.Input != d.Kind+"s" {
			b.t.Errorf("dead letter of %q, %d: reason %q, %q", d.Input, d.Seq, d.Reason, d.Detail)
		}
		byEvent[sent{d.Kind, d.bytes()}] = d
	}
	for _, e := range bad {
		d, ok := byEvent[sent{e.kind.String(), e.data}]
		if !ok || e.reason != "" && d.Reason != e.reason {
			b.t.Errorf("%v %.80q: reason %q, want %q (found: %v)", e.kind, e.data, d.Reason, e.reason, ok)
		}
	}
}

// checkPaths makes sure that nothing was written but what should be.
func (b *rig) checkPaths() {
	b.t.Helper()
	beside, err := os.ReadDir(filepath.Dir(b.dir))
	if err != nil || len(beside) != 1 {
		b.t.Errorf("beside the test's folder there is %v: %v", beside, err)
	}
	known := regexp.MustCompile(`^(data/dt=\d{4}-\d\d-\d\d/p0000-\d{20}-\d{3}\.parquet|_commits/p0000/(\d{20}\.json|LOCK)|deadletter/p0000-\d{20}\.jsonl)$`)
	for _, path := range b.files("labeled") {
		name, err := filepath.Rel(b.path("labeled"), path)
		if err != nil || !known.MatchString(filepath.ToSlash(name)) {
			b.t.Errorf("%s is in the output: %v", name, err)
		}
	}
	for _, path := range b.files(".") {
		switch name, _ := filepath.Rel(b.dir, path); strings.Split(filepath.ToSlash(name), "/")[0] {
		case "labeled", "state", "nats", "labeljoin.yaml":
		default:
			b.t.Errorf("%s was written", name)
		}
	}
}

// boundedMemory checks the most memory that a child has had.
func (b *rig) boundedMemory(c *child, most int64) {
	b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		b.t.Logf("not checked how much memory it took: %v", err)
		return
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		b.t.Fatalf("no VmHWM in\n%s", text)
	}
	kb, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("at most %d MB of memory", kb/1000)
	if kb<<10 > most {
		b.t.Errorf("it took %d MB of memory, want at most %d", kb>>10, most>>20)
	}
}

var tooManyFlag = flag.Int("toomany", 200_000,
	"how many outcomes of one request TestBinary/TooManyOutcomes sends; 1000000 are what a release is tried with")

// testTooManyOutcomes sends outcomes of one request, many more than it may have: a broken
// producer costs dead letters and no more.
func testTooManyOutcomes(t *testing.T, b *rig) {
	total := *tooManyFlag
	if testing.Short() {
		total = 50_000
	}
	const held, batch = 10_000, 10_000 // limits.outcomes_per_request as it comes, and outcomes to a message
	total -= total % batch
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig+"publish: {subject: labels.feed, create: true}\n"))
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	now := time.Now().UnixMilli()
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"much","ts":%d}`, now))
	for i := 0; i < total; i += batch {
		var text strings.Builder
		for j := range batch {
			fmt.Fprintf(&text, `{"request_id":"much","outcome_id":"%d","type":"click","ts":%d}`+"\n", i+j, now)
		}
		f.now(events.KindOutcome, strings.TrimSuffix(text.String(), "\n"))
	}
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"good","ts":%d}`, now+1))
	f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"good","ts":%d,"type":"click"}`, now+1))
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	b.closeAll(c, f)
	// By OPERATIONS.md: 128 MiB of Pebble's cache and memory tables, which are in Go's heap where there is no cgo, a
	// commit of up to 128 MiB, 160 MiB for the collector, and 55 MiB of the program itself. 498 MB were seen.
	b.boundedMemory(c, 600<<20)
	c.stop()
	rows := b.revisions("labeled", badColumns)
	if much, good := rows["much/<null>"], rows["good/<null>"]; len(much) == 0 || len(good) == 0 || good[0][4] != "1" || much[len(much)-1][5] != strconv.Itoa(held) {
		t.Errorf("rows: %v", rows)
	}
	letters := 0
	for _, path := range b.files("labeled/deadletter") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		letters += bytes.Count(text, []byte(`"reason":"too_many_outcomes"`))
	}
	if letters != total-held {
		t.Errorf("%d dead letters, want %d", letters, total-held)
	}
}
