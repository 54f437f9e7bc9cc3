package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
)

// replayConfig is the join that a replay and DuckDB do.
const replayConfig = `name: bench
join: {window: %dms, lateness: 1s}
labels:
  clicked: 'type == "click"'
  spent: {when: 'type == "purchase"', value: sum}
output: {dir: labeled}
log: {level: warn}
`

// replayLog is a kind of logs.
type replayLog struct {
	name string
	rows int // of each request
	// features are those of a request, and then those of an item, with the types that
	// DuckDB reads them as.
	features string
	write    func(*generator, int, *lineFile, *lineFile) error
}

// replayLogs are the kinds that are measured.
func replayLogs() []replayLog {
	return []replayLog{
		{name: "plain", rows: 1, features: plainFeatures(), write: writePlain},
		{name: "slates", rows: slateItems,
			features: "hour=BIGINT,device=VARCHAR,ctr=DOUBLE,item_price=DOUBLE,item_brand=VARCHAR", write: writeSlates},
	}
}

// replayWindow is the join's window: half a percent of the outcomes comes after it.
const replayWindow = 20 * time.Second

// writeLogs writes requests that give so many rows, and their outcomes.
func (l *replayLog) writeLogs(rows int, dir string) (err error) {
	if err := partition.FreshDir(dir); err != nil {
		return err
	}
	requests, outcomes, err := openBoth(dir)
	if err != nil {
		return err
	}
	g := &generator{rand: rand.New(rand.NewPCG(7, 7)), begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	err = l.write(g, rows/l.rows, requests, outcomes)
	config := fmt.Appendf(nil, replayConfig, replayWindow.Milliseconds())
	config = append(config, "features:\n  declare:\n"...)
	for pair := range strings.SplitSeq(l.features, ",") {
		name, kind, _ := strings.Cut(pair, "=")
		// else numbers are doubles
		if declared := map[string]string{"BIGINT": "int64", "FLOAT": "float32"}[kind]; declared != "" {
			config = fmt.Appendf(config, "    %s: %s\n", name, declared)
		}
	}
	return errors.Join(err, requests.Close(), outcomes.Close(),
		os.WriteFile(filepath.Join(dir, "labeljoin.yaml"), config, 0o644))
}

// plainFeatures are the features of generator.body.
func plainFeatures() string {
	g := &generator{rand: rand.New(rand.NewPCG(7, 7))}
	return featureTypes(g.body(requestID(0), time.UnixMilli(0)))
}

// delay is how long an outcome takes: half a percent comes after the window.
func (g *generator) delay() time.Duration {
	return time.Duration(g.rand.Float64() * 1.005 * float64(replayWindow)).Truncate(time.Millisecond)
}

// writePlain writes requests of 709 bytes without items. One in twenty has an outcome, and
// one outcome in a hundred has no request.
func writePlain(g *generator, n int, requests, outcomes *lineFile) error {
	for i := range n {
		if err := requests.Add(g.request(i)); err != nil {
			return err
		}
		if i%20 != 0 {
			continue
		}
		id := requestID(i)
		if i%2000 == 0 {
			id = requestID(n + i)
		}
		kind := "click"
		if i%100 == 0 {
			kind = "purchase"
		}
		event := fmt.Appendf(nil, `{"request_id":"%s","outcome_id":"o-%09d","type":"%s","ts":%d,"value":%d}`, id, i, kind,
			g.at(i).Add(g.delay()).UnixMilli(), g.rand.IntN(100))
		if err := outcomes.Add(event); err != nil {
			return err
		}
	}
	return nil
}

// slateItems is how many items a slate has.
const slateItems = 10

// writeSlates writes requests of ten items, with 2.6 outcomes each.
func writeSlates(g *generator, n int, requests, outcomes *lineFile) error {
	made := 0
	for i := range n {
		b := fmt.Appendf(nil,
			`{"request_id":"%s","ts":%d,"model":"ranker","model_version":"2026-11-01","user_id":"user-%07d",`+
				`"features":{"hour":%d,"device":"%s","ctr":%.6f},"items":[`,
			requestID(i), g.at(i).UnixMilli(), g.rand.IntN(1e6), g.rand.IntN(24), [...]string{"phone", "desktop",
				"tablet"}[g.rand.IntN(3)],
			g.rand.Float64())
		first := g.rand.IntN(100_000)
		for p := range slateItems {
			if p > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `{"item_id":"item-%06d","position":%d,"score":%.6f,"features":{"price":%.2f,"brand":"brand-%d"}}`,
				first+p*7, p+1, g.rand.Float64(), 100*g.rand.Float64(), g.rand.IntN(200))
		}
		if err := requests.Add(append(b, "]}"...)); err != nil {
			return err
		}
		for due := 26 * (i + 1) / 10; made < due; made++ {
			kind := "click"
			if g.rand.IntN(4) == 0 {
				kind = "purchase"
			}
			event := fmt.Appendf(nil,
				`{"request_id":"%s","outcome_id":"o-%09d","type":"%s","item_id":"item-%06d","ts":%d,"value":%d}`,
				requestID(i), made, kind, first+g.rand.IntN(slateItems)*7, g.at(i).Add(g.delay()).UnixMilli(), g.rand.IntN(100))
			if err := outcomes.Add(event); err != nil {
				return err
			}
		}
	}
	return nil
}
