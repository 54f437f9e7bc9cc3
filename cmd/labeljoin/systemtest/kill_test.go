package systemtest

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/demo"
)

var (
	killsFlag      = flag.Int("kills", 20, "how often TestBinary/Killed kills the joiner; 1000 are a night's work well spent")
	killEventsFlag = flag.Int64("killevents", 0, "how many events TestBinary/Killed publishes between its kills, evenly; 0: 150 requests a second and what comes of them")
	killSeedFlag   = flag.Uint64("killseed", 0, "what to publish and when to kill; 0 draws one")
)

// killConfig has windows of a second, and remembers long enough that a slow
// machine makes no event too late for a correction.
const killConfig = `
join: {window: 1s, lateness: 200ms, corrections: 1m}
labels:
  clicked: {when: 'type == "click"'}
  clicks:  {when: 'type == "click"', value: count}
  bought:  {when: 'type == "purchase"', window: 500ms}
  revenue: {when: 'type == "purchase"', value: sum}
guard: {enabled: false}   # its bursts are like nothing that is usual; TestBinary/Outage has the guard
output: {roll: {interval: 100ms}}
`

var killColumns = []string{"request_id", "item_id", "revision", "request_ts", "clicked", "clicks", "bought", "revenue", "clicked_ts", "n", "item_price"}

// testKilled kills the joiner again and again while events flow, and twice
// takes its state away too. In the end the rows must be those that replay makes
// of the same events. To kill more often:
//
//	go test ./cmd/labeljoin/systemtest -run TestBinary/Killed -kills 1000 -killevents 1000000 -timeout 2h -v
//
// Half of the kills come as they come: in recovery, in a backlog, or, since the
// traffic of an interval is published at its beginning, when all is read. The other
// half come once the joiner joins and has committed something, up to the next commit.
func testKilled(t *testing.T, b *rig) {
	seed := *killSeedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-killseed %d", seed)
	r := crashRand(seed, 8)
	config := b.configure("labeljoin.yaml", killConfig)
	f := newTraffic(t, b.broker.URL(), seed)
	ctx, quiet := context.WithCancel(t.Context())
	published := make(chan error, 1)
	kills := *killsFlag
	var begun atomic.Int64 // intervals between kills
	due := steady(150)
	if events := *killEventsFlag; events > 0 {
		due = func(*traffic) bool { return f.planned < events*begun.Load()/int64(kills) }
	}
	go func() { published <- f.run(ctx, due) }()

	var recoveries, rebuilds []time.Duration
	for i := range kills {
		begun.Add(1)
		select {
		case err := <-published:
			t.Fatalf("publishing ended after %d kills: %v", i, err)
		default:
		}
		start, before := time.Now(), len(b.manifests())
		c := b.start("run", "--config", config)
		if i%2 == 0 {
			c.joins()
			if took := time.Since(start); i%10 == 8 {
				rebuilds = append(rebuilds, took)
			} else {
				recoveries = append(recoveries, took)
			}
			c.until("a commit is made", func() bool { return len(b.manifests()) > before })
			time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(50+r.IntN(550)) * time.Millisecond)
		}
		c.kill()
		if i%10 == 7 {
			if err := os.RemoveAll(b.path("state")); err != nil {
				t.Fatal(err)
			}
		}
	}
	quiet()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", config)
	b.closeAll(c, f)
	c.stop()
	b.replay(f, config)
	b.checkKilled(f)
	if out, code := b.output("verify", "--config", config, "--deep"); code != 0 || !strings.Contains(out, "every row is what the log gives") {
		t.Errorf("verify --deep, with code %d: %s", code, out)
	}
	t.Logf("from the start until it joins: with its state %s; rebuilding it from the log %s", spread(recoveries), spread(rebuilds))
	t.Logf("%d kills, %d commits, %d requests, %d outcomes", kills, len(b.manifests()), f.read[0], f.read[1])
}

// spread says how durations are distributed.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "never"
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[(len(all)-1)*percent/100].Round(time.Millisecond) }
	return fmt.Sprintf("%d times, p50 %s, p90 %s, p99 %s, max %s", len(all), at(50), at(90), at(99), at(100))
}

// closeAll waits until nothing is pending: requests close because the broker
// proves that nothing more is coming, and then heartbeats say that what waits
// for its request waits in vain.
func (b *rig) closeAll(c *child, f *traffic) {
	b.t.Helper()
	c.until("all requests are closed", func() bool {
		s, ok := c.status()
		request, outcome := s.Events["request"], s.Events["outcome"]
		return ok && s.Joining && request.Read == f.read[0] && outcome.Read == f.read[1] && request.Pending == 0
	})
	for _, subject := range trafficSubjects {
		heartbeat := fmt.Sprintf(`{"heartbeat":%d}`, time.Now().Add(4*time.Minute).UnixMilli())
		if _, err := f.js.Publish(b.t.Context(), subject, []byte(heartbeat)); err != nil {
			b.t.Fatal(err)
		}
	}
	c.until("everything is committed", func() bool {
		m := b.manifests()
		if len(m) == 0 {
			return false
		}
		l := b.manifest(m[len(m)-1]).Ledger
		return l.Request.Pending == 0 && l.Outcome.Pending == 0 && l.Request.Read == f.read[0] && l.Outcome.Read == f.read[1]
	})
}

// manifests are the paths of the manifests there are, in order.
func (b *rig) manifests() []string {
	paths, err := filepath.Glob(b.path("labeled/_commits/p0000/*.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

func (b *rig) manifest(path string) outputManifest {
	b.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	var m outputManifest
	if err := json.Unmarshal(text, &m); err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
	return m
}

// replay joins the same events from files.
func (b *rig) replay(f *traffic, config string) {
	b.t.Helper()
	f.dump("requests", b.path("requests.jsonl"))
	f.dump("outcomes", b.path("outcomes.jsonl"))
	c := b.start("replay", "--config", config, "--complete", "--max-rejected", "10%", "--out", b.path("replayed"),
		"--requests", b.path("requests.jsonl"), "--outcomes", b.path("outcomes.jsonl"))
	if code := c.code(); code != 0 {
		b.t.Fatalf("replay: exit code %d", code)
	}
}

// revisions reads the rows of an output, all revisions of each, in the order of
// columns. Revisions must begin at 0, follow one another, and be there once.
func (b *rig) revisions(dir string, columns []string) map[string][][]string {
	b.t.Helper()
	all := map[string][][]string{}
	for _, path := range b.files(dir + "/data") {
		err := demo.ReadRows(path, columns, func(row []string, _ bool) bool {
			key := row[0] + "/" + row[1]
			all[key] = append(all[key], row)
			return true
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	for key, rows := range all {
		slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[2], b[2]) })
		for i, row := range rows {
			if row[2] != strconv.Itoa(i) {
				b.t.Errorf("%s: %s has revision %s where %d is due", dir, key, row[2], i)
			}
		}
	}
	return all
}

func (b *rig) files(dir string) []string {
	b.t.Helper()
	var files []string
	err := filepath.WalkDir(b.path(dir), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return files
}

// checkKilled compares what the killed joiner wrote with what replay did.
func (b *rig) checkKilled(f *traffic) {
	t := b.t
	t.Helper()
	live, replayed := b.revisions("labeled", killColumns), b.revisions("replayed", killColumns)
	if len(replayed) == 0 || len(live) != len(replayed) {
		t.Errorf("%d rows live, %d by replay", len(live), len(replayed))
	}
	bad := 0
	for key, rows := range replayed {
		want := rows[len(rows)-1]
		var got []string
		if rows := live[key]; len(rows) > 0 {
			got = slices.Clone(rows[len(rows)-1])
			got[2] = want[2]
		}
		if !slices.Equal(got, want) {
			if bad++; bad < 10 {
				t.Errorf("%s: live %v, by replay %v", key, live[key], want)
			}
		}
	}
	paths := b.manifests()
	for i, path := range paths {
		m := b.manifest(path)
		if m.Number != uint64(i+1) || !m.Ledger.Request.balanced() || !m.Ledger.Outcome.balanced() {
			t.Errorf("manifest %s: number %d, %+v", path, m.Number, m.Ledger)
		}
	}
	letters := b.deadLetters()
	if int64(len(letters)) != f.garbage {
		t.Errorf("%d dead letters, want %d", len(letters), f.garbage)
	}
}

// deadLetter is a line of the dead letters.
type deadLetter struct {
	Input, Kind, Reason, Detail string
	Seq                         uint64
	Index                       uint32
	Data                        string
	Base64                      []byte `json:"data_base64"`
}

// bytes is the event as it was read.
func (d *deadLetter) bytes() string {
	if d.Base64 != nil {
		return string(d.Base64)
	}
	return d.Data
}

// deadLetters reads all dead letters; each must be there once.
func (b *rig) deadLetters() []deadLetter {
	b.t.Helper()
	type origin struct {
		input string
		seq   uint64
		index uint32
	}
	seen := map[origin]bool{}
	var letters []deadLetter
	for _, path := range b.files("labeled/deadletter") {
		f, err := os.Open(path)
		if err != nil {
			b.t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var d deadLetter
			if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
				b.t.Fatalf("%s: %v", path, err)
			}
			at := origin{d.Input, d.Seq, d.Index}
			if seen[at] {
				b.t.Errorf("dead letter %+v is there twice", at)
			}
			seen[at] = true
			letters = append(letters, d)
		}
		if err := lines.Err(); err != nil {
			b.t.Fatalf("%s: %v", path, err)
		}
		f.Close()
	}
	return letters
}
