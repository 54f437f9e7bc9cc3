package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
)

// noon is when logs of tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// configured is a configuration of two labels, with what is added to it.
func configured(t *testing.T, dir, more string) *config.Config {
	t.Helper()
	text := fmt.Sprintf("name: feed\nstate: {dir: %q}\noutput: {dir: %q}\nnats: {url: nats://127.0.0.1:1}\n"+
		"inputs:\n  requests: {subject: r}\n  outcomes: {subject: o}\n%s", filepath.Join(dir, "state"), filepath.Join(dir,
		"out"), more)
	if !strings.Contains(more, "labels:") {
		text += "labels:\n  clicked: {when: 'type == \"click\"', window: 30m}\n  bought: {when: 'type == \"buy\"', window: 2h, value: sum}\n"
	}
	c, err := config.Read("test", strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// logs are lines of two logs.
type logs struct{ requests, outcomes strings.Builder }

func (l *logs) request(id string, at time.Time) {
	fmt.Fprintf(&l.requests, `{"request_id":%q,"ts":%q}`+"\n", id, at.Format(time.RFC3339Nano))
}

func (l *logs) outcome(id, kind string, at time.Time) {
	fmt.Fprintf(&l.outcomes, `{"request_id":%q,"type":%q,"value":2.5,"ts":%q}`+"\n", id, kind, at.Format(time.RFC3339Nano))
}

// traffic is a day of requests, one in five minutes, each clicked after a minute, and one in ten
// bought after ten.
func traffic(days int) *logs {
	l := &logs{}
	for i := range days * 288 {
		id, at := fmt.Sprintf("r%05d", i), noon.Add(time.Duration(i)*5*time.Minute)
		l.request(id, at)
		l.outcome(id, "click", at.Add(time.Minute))
		if i%10 == 0 {
			l.outcome(id, "buy", at.Add(10*time.Minute))
		}
	}
	return l
}

// replayed is what a replay said.
type replayed struct {
	err    error
	talk   string
	report struct {
		Written  bool  `json:"written"`
		Rows     int64 `json:"rows"`
		Passes   int   `json:"passes"`
		Reused   int   `json:"files_reused"`
		Damaged  []string
		Empty    []string
		Rejected []struct {
			File, First string
			Lines, Of   int64
		}
		Labels []struct {
			Label                              string
			Positive, Negative, Null, Outcomes int64
		}
		Fields map[string]map[string]int64 `json:"unknown_fields"`
		Days   []struct {
			Day                                          string
			Requests, Rows, Positives, Outcomes, Orphans int64
		} `json:"days"`
	}
}

// written writes logs into a directory and gives a replay of them.
func (l *logs) written(t *testing.T, dir string, c *config.Config) *replay.Replay {
	t.Helper()
	r := &replay.Replay{Config: c, Out: c.Output.Dir, MaxRejected: 0.01, Log: slog.New(slog.DiscardHandler)}
	for k, text := range []string{l.requests.String(), l.outcomes.String()} {
		path := filepath.Join(dir, events.Kind(k).String()+".jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.Files[k] = []string{path}
	}
	return r
}

func run(t *testing.T, r *replay.Replay) (out replayed) {
	t.Helper()
	var talk, data bytes.Buffer
	r.Talk, r.Data, r.AsJSON = &talk, &data, true
	out.err = r.Run(t.Context())
	out.talk = talk.String()
	if data.Len() > 0 {
		if err := json.Unmarshal(data.Bytes(), &out.report); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
