package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/explain"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

const explainConfig = `
join: {window: 60s, lateness: 1s, corrections: 2h}
labels:
  clicked: {when: 'type == "click"'}
  revenue: {when: 'type == "purchase"', value: sum}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
`

// output runs the program to its end and returns what it prints, and its exit
// code.
func (b *rig) output(args ...string) (out string, code int) {
	b.t.Helper()
	out, talk, code := b.outputs(args...)
	if code != 0 {
		b.t.Logf("%s: %s", strings.Join(args, " "), talk)
	}
	return out, code
}

// outputs is output, with what the command says on stderr.
func (b *rig) outputs(args ...string) (out, talk string, code int) {
	b.t.Helper()
	cmd := exec.Command(b.binary, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		b.t.Fatal(err)
	}
	return string(stdout), stderr.String(), cmd.ProcessState.ExitCode()
}

// testExplained asks why, in ten situations, beside the joiner and without it.
func testExplained(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", explainConfig)
	if out, code := b.output("explain", "--config", config, "r-pos"); code != terminal.ExitFailed || !strings.Contains(out, "nothing was read yet") {
		t.Errorf("before the first start it says, with code %d: %s", code, out)
	}
	base := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	at := func(d time.Duration) string { return base.Add(d).Format(time.RFC3339) }
	f := newTraffic(t, b.broker.URL(), 0)
	request := func(id string, d time.Duration, more string) {
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":%q,"ts":%q%s}`, id, at(d), more))
	}
	outcome := func(id, kind, item string, d time.Duration, more string) {
		f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":%q,"type":%q,"item_id":%q,"ts":%q%s}`, id, kind, item, at(d), more))
	}
	for _, id := range []string{"r-pos", "r-neg", "r-none", "r-dup", "r-late"} {
		request(id, 0, "")
	}
	request("r-item", 0, `,"items":[{"item_id":"a"},{"item_id":"b"}]`)
	outcome("r-item", "click", "c", time.Second, "")
	outcome("r-item", "click", "b", time.Second, "")
	outcome("r-dup", "click", "x", time.Second, `,"outcome_id":"o1"`)
	outcome("r-dup", "click", "x", time.Second, `,"outcome_id":"o1"`)
	outcome("r-pos", "click", "x", 40*time.Second, "")
	outcome("r-pos", "purchase", "x", 50*time.Second, `,"value":2.5`)
	outcome("r-neg", "click", "x", 73*time.Second, "")
	outcome("x-orphan", "click", "x", time.Hour, "")
	request("r-open", time.Hour+2*time.Minute, "")
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", config)
	c.until("all but one is closed", func() bool {
		s, ok := c.status()
		return ok && s.Events["request"].Read == 7 && s.Events["request"].Pending == 1
	})
	outcome("r-late", "click", "x", 20*time.Second, "")
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	c.until("the late outcome is committed", func() bool {
		s, ok := c.status()
		return ok && s.Events["outcome"].Disposed["corrected"] == 1 && s.Rows == 8
	})

	never := fmt.Sprintf("came before the outcome watermark passed %s", at(time.Minute))
	answers := map[string][]string{
		"r-pos": {
			"clicked is 1: 1 outcome for which type == \"click\" holds within 1m0s; the one that decides is of " + at(40*time.Second) + ", 40s after the request.",
			"revenue is 2.5: 1 outcome for which type == \"purchase\" holds within 1m0s; the one that decides is of " + at(50*time.Second),
			"read from requests, message 1", "commit 1", "revision 0, closed",
		},
		"r-neg": {
			"clicked is 0: no outcome for which type == \"click\" holds " + never + "; the first came at " + at(73*time.Second) + ", 13s after the window.",
			"outside_window (outcomes, message 7)",
		},
		"r-none":   {"clicked is 0: no outcome for which type == \"click\" holds " + never + "."},
		"r-item":   {`item "a": clicked is 0: no outcome`, `item "b": clicked is 1: 1 outcome`, "click of item c, 1s after the request: unknown_item"},
		"r-dup":    {"clicked is 1: 1 outcome for which", "1s after the request: joined", "1s after the request: duplicate"},
		"r-late":   {"clicked is 1: 1 outcome for which", "20s after the request: corrected", "revision 0, closed", "revision 1, corrected"},
		"x-orphan": {`no request "x-orphan" has come; 1 outcome waits for it.`, "click of item x"},
		"r-open": {
			"the request is open: it closes when the watermark passes " + at(time.Hour+3*time.Minute),
			"clicked is not decided: no outcome for which type == \"click\" holds has come so far, and its window ends at " + at(time.Hour+3*time.Minute),
		},
		"nobody": {`request "nobody" is not known`, "requests from message 1 to 7", "outcomes from message 1 to 9"},
	}
	check := func(when string) {
		t.Helper()
		for id, want := range answers {
			out, code := b.output("explain", "--config", config, id)
			ends := 0
			if id == "nobody" {
				ends = terminal.ExitFailed
			}
			for _, text := range want {
				if code != ends || !strings.Contains(out, text) {
					t.Errorf("%s, of %s it says, with code %d:\n%s\nand not: %s", when, id, code, out, text)
				}
			}
		}
	}
	check("beside the joiner")
	if out, code := b.output("status", "--config", config); code != 0 || !strings.Contains(out, "joining") || !strings.Contains(out, "7 read, 1 pending") ||
		!strings.Contains(out, "read up to message 7, 0 behind") {
		t.Errorf("status, with code %d: %s", code, out)
	}
	var told explain.Explanation
	out, _ := b.output("explain", "--config", config, "--json", "r-neg")
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Standing != "correctable" || len(told.Labels) != 2 || *told.Labels[0].Value != 0 ||
		len(told.Written) != 1 || told.Written[0].Commit != 1 || told.Outcomes[0].Fate != "outside_window" {
		t.Errorf("%v: %+v of %s", err, told, out)
	}
	if out, code := b.output("verify", "--config", config); code != 0 || !strings.Contains(out, "all is as it was written") {
		t.Errorf("verify, beside the joiner, with code %d: %s", code, out)
	}
	deepOK := func(when string) {
		t.Helper()
		out, code := b.output("verify", "--config", config, "--deep")
		if code != 0 || !strings.Contains(out, "7 rows of requests before ") || !strings.Contains(out, "every row is what the log gives") {
			t.Errorf("%s, verify --deep, with code %d: %s", when, code, out)
		}
	}
	deepOK("beside the joiner")
	c.stop()
	deepOK("without the joiner")
	check("without the joiner")
	if out, code := b.output("status", "--config", config); code != 1 || !strings.Contains(out, "not running") {
		t.Errorf("status of a joiner that does not run, with code %d: %s", code, out)
	}
	b.verifyDamaged(config)
	b.checkForgotten(config, at)
}

// verifyDamaged flips a bit in a file of the output, and back.
func (b *rig) verifyDamaged(config string) {
	b.t.Helper()
	files, err := filepath.Glob(b.path("labeled/data/*/*.parquet"))
	if err != nil || len(files) == 0 {
		b.t.Fatalf("no files: %v", err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.t.Fatal(err)
	}
	write := func() {
		data[len(data)/2] ^= 1
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	write()
	if out, code := b.output("verify", "--config", config); code != 3 || !strings.Contains(out, filepath.Base(files[0])+": its SHA-256 is") {
		b.t.Errorf("verify of a damaged file, with code %d: %s", code, out)
	}
	write()
	var v struct{ Findings []string }
	if out, code := b.output("verify", "--json", "--out", b.path("labeled")); code != 0 || json.Unmarshal([]byte(out), &v) != nil || len(v.Findings) != 0 {
		b.t.Errorf("verify of what was repaired, with code %d: %s", code, out)
	}
	if _, code := b.output("verify", "--out", b.path("nowhere")); code != 2 {
		b.t.Errorf("verify of nothing ends with code %d", code)
	}
}

// checkForgotten asks about a request of which only the files are left.
func (b *rig) checkForgotten(config string, at func(time.Duration) string) {
	b.t.Helper()
	if err := os.RemoveAll(b.path("state")); err != nil {
		b.t.Fatal(err)
	}
	for id, want := range map[string][]string{
		"r-neg":  {"clicked is 0 (closed, revision 0): no outcome for which type == \"click\" holds came before the watermark passed " + at(time.Minute), "its events are no longer in the state"},
		"r-late": {"clicked is 1 (corrected, revision 1): decided by an outcome of " + at(20*time.Second) + ", 20s after the request."},
	} {
		out, code := b.output("explain", "--config", config, id)
		for _, text := range want {
			if code != 0 || !strings.Contains(out, text) {
				b.t.Errorf("without a state, of %s it says, with code %d:\n%s\nand not: %s", id, code, out, text)
			}
		}
	}
}

const outageConfig = `
join: {window: 2s, lateness: 500ms, corrections: 1h}
labels: {clicked: 'type == "click"'}
guard: {patience: 3s, learn: 50}
output: {roll: {interval: 100ms}}
`

// testOutage stops the outcomes while requests go on, with the guard as people
// have it: no row becomes negative that has its outcome in the end, neither when
// the pipeline catches up, nor through a kill, nor when a person declares the
// outcomes lost.
func testOutage(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", outageConfig)
	c := b.start("run", "--config", config)
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	sent, clicks := 0, []string{}
	// Every second request is clicked.
	tick := func(publish bool) {
		now := time.Now().UnixMilli()
		for range 4 {
			id := fmt.Sprintf("r%05d", sent)
			f.now(events.KindRequest, fmt.Sprintf(`{"request_id":%q,"ts":%d}`, id, now))
			if sent++; sent%2 == 0 {
				click := fmt.Sprintf(`{"request_id":%q,"ts":%d,"type":"click"}`, id, now+1)
				if publish {
					f.now(events.KindOutcome, click)
				} else {
					clicks = append(clicks, click)
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	held := func() bool {
		s, ok := c.status()
		return ok && s.Guard != nil && s.Guard.Held
	}
	c.until("the guard knows what is usual", func() bool {
		tick(true)
		s, ok := c.status()
		return ok && s.Guard != nil && !s.Guard.Learning && s.Rows > 500
	})
	c.until("the guard notices the outage", func() bool { tick(false); return held() })
	c.kill()
	c = b.start("run", "--config", config)
	c.joins()
	for range 100 { // an outage of more than a window
		tick(false)
	}
	if !held() {
		t.Fatal("the restart forgot that negatives are held")
	}
	c.says("outcomes are improbably few")
	if out, code := b.output("status", "--config", config); code != 0 || !strings.Contains(out, "negatives are held: since") {
		t.Errorf("status, with code %d: %s", code, out)
	}
	// The pipeline is back, and half of what it kept is lost.
	lost := clicks[len(clicks)/2:]
	for _, click := range clicks[:len(clicks)/2] {
		f.now(events.KindOutcome, click)
	}
	for range 50 {
		tick(true)
	}
	if !held() {
		t.Fatal("the guard let go though half of the outage's outcomes are missing")
	}
	from, to := stampOf(t, lost[0]), time.Now().UTC()
	if out, code := b.output("gap", "add", "--config", config, "--from", from, "--to", to.Format(time.RFC3339Nano), "--note", "lost by the pipeline"); code != 0 {
		t.Fatalf("gap add: %s", out)
	}
	c.until("the guard lets go", func() bool { tick(true); return !held() })
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	c.until("all is written", func() bool {
		s, ok := c.status()
		return ok && s.Events["request"].Read == int64(sent) && s.Events["request"].Pending == 0
	})
	c.stop()
	b.checkOutage(sent, lost)
	if out, _ := b.output("gap", "list", "--config", config); !strings.Contains(out, "for requests since") || !strings.Contains(out, "lost by the pipeline") {
		t.Errorf("gap list: %s", out)
	}
	if out, code := b.output("verify", "--config", config, "--deep"); code != 0 || !strings.Contains(out, "every row is what the log gives") {
		t.Errorf("verify, with code %d: %s", code, out)
	}
}

func stampOf(t *testing.T, event string) string {
	t.Helper()
	var e struct{ TS int64 }
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(e.TS).UTC().Format(time.RFC3339Nano)
}

// checkOutage: whatever was clicked is 1, or null where that is not known; what
// was not is 0 or null. None is 0 that was clicked.
func (b *rig) checkOutage(sent int, lost []string) {
	b.t.Helper()
	null, rows := 0, b.revisions("labeled", []string{"request_id", "item_id", "revision", "clicked", "reason"})
	for n := range sent {
		id := fmt.Sprintf("r%05d", n)
		revisions := rows[id+"/<null>"]
		if len(revisions) == 0 {
			b.t.Fatalf("%s has no row", id)
		}
		last := revisions[len(revisions)-1]
		label, reason := last[3], last[4]
		switch clicked := n%2 == 1; {
		case label == "<null>" && reason == "gap":
			null++
		case clicked && label != "1", !clicked && label != "0":
			b.t.Fatalf("%s is %s (%s), clicked: %v", id, label, reason, clicked)
		}
	}
	if null < 2*len(lost)-10 {
		b.t.Errorf("%d rows are unknown, and %d clicks are lost, of every second request", null, len(lost))
	}
}

const lostConfig = `
join: {window: 1s, lateness: 100ms, corrections: 1h}
labels: {clicked: 'type == "click"'}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
`

// testLostLog deletes the outcomes' stream and makes it again, while the joiner
// is away: it refuses to go on, until a person has decided, and then knows what
// it does not know.
func testLostLog(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", lostConfig)
	f := newTraffic(t, b.broker.URL(), 0)
	pair := func(id string, clicked bool) {
		now := time.Now().UnixMilli()
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":%q,"ts":%d}`, id, now))
		if clicked {
			f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":%q,"ts":%d,"type":"click"}`, id, now))
		}
		if err := f.settle(); err != nil {
			t.Fatal(err)
		}
	}
	closed := func(c *child, n int64) {
		c.until("requests are closed", func() bool {
			s, ok := c.status()
			return ok && s.Rows >= n && s.Events["request"].Pending == 0
		})
	}
	c := b.start("run", "--config", config)
	pair("before", true)
	closed(c, 1)
	c.stop()
	pair("lost", true)
	if err := f.js.DeleteStream(t.Context(), "outcomes"); err != nil {
		t.Fatal(err)
	}
	// inputs.create makes a stream that is missing, and it is another one.
	if code := b.start("run", "--config", config).code(); code != 3 {
		t.Fatalf("without a stream it ends with code %d", code)
	}
	pair("during", true)
	for range 2 { // looking changes nothing
		refused := b.start("run", "--config", config)
		if code := refused.code(); code != 3 || !strings.Contains(refused.log.text(), "labeljoin gap log") {
			t.Fatalf("with another stream under the name it ends with code %d: %s", code, refused.log.tail(2000))
		}
		out, code := b.output("gap", "log", "--config", config)
		if code != 0 || !strings.Contains(out, "stream requests: nothing is lost") || !strings.Contains(out, "it is another log under the same name") ||
			!strings.Contains(out, "outcomes missing") || strings.Contains(out, "declared as") {
			t.Fatalf("gap log, with code %d: %s", code, out)
		}
	}
	if out, code := b.output("gap", "log", "--config", config, "--yes", "--note", "deleted by mistake"); code != 0 || !strings.Contains(out, "declared as gap 1") {
		t.Fatalf("gap log --yes, with code %d: %s", code, out)
	}
	c = b.start("run", "--config", config)
	time.Sleep(1200 * time.Millisecond) // beyond the gap's end by a window
	pair("after", true)
	closed(c, 4)
	c.stop()
	c = b.start("run", "--config", config) // the declaration is followed once
	c.joins()
	c.stop()
	rows := b.revisions("labeled", []string{"request_id", "item_id", "revision", "clicked", "reason"})
	for id, want := range map[string][2]string{
		"before": {"1", "closed"}, "lost": {"<null>", "gap"}, "during": {"1", ""}, "after": {"1", "closed"},
	} {
		revisions := rows[id+"/<null>"]
		if len(revisions) == 0 {
			t.Errorf("%s has no row", id)
			continue
		}
		if last := revisions[len(revisions)-1]; last[3] != want[0] || want[1] != "" && last[4] != want[1] {
			t.Errorf("%s is %v, want %v", id, last, want)
		}
	}
	if out, code := b.output("verify", "--config", config); code != 0 {
		t.Errorf("verify, with code %d: %s", code, out)
	}
}
