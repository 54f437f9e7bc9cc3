package export

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func TestDeadLetters(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	s, err := o.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	data := []string{"{\"a\":\n1}", "\xff\x00binary", "", "line\u2028sep"}
	for i, d := range data {
		letter := &events.DeadLetter{
			Input: "S\xff", Origin: events.Origin{Seq: 1<<63 + 1, Index: uint32(i)}, Kind: events.KindOutcome,
			Reason: "not_json", Detail: "bad", Stored: events.Time(i), Data: []byte(d),
		}
		if i == 1 {
			letter.Stored = events.MinTime
		}
		if err := s.DeadLetter(letter); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Commit(context.Background(), testCut(1, "n")); err != nil {
		t.Fatal(err)
	}
	raw, err := contents(mem, testDir+"/deadletter/p0000-00000000000000000001.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) != len(data) {
		t.Fatalf("%d lines, want %d", len(lines), len(data))
	}
	for i, line := range lines {
		var got struct {
			Input, Kind, Reason, Detail string
			Seq                         uint64
			Index                       uint32
			Stored                      *string
			Data                        string
			Base64                      []byte `json:"data_base64"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if got.Data+string(got.Base64) != data[i] || got.Input != "S\uFFFD" || got.Seq != 1<<63+1 || got.Index != uint32(i) ||
			got.Kind != "outcome" || got.Reason != "not_json" || got.Detail != "bad" || (got.Stored == nil) != (i == 1) {
			t.Fatalf("line %d: %s", i, line)
		}
	}
	if want := base64.StdEncoding.EncodeToString([]byte(data[1])); !strings.Contains(lines[1], want) {
		t.Fatalf("line %s has no %s", lines[1], want)
	}
}

func TestWritten(t *testing.T) {
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	type kind struct {
		ts       events.Time
		revision uint32
		reason   joiner.Reason
	}
	commits := [][]kind{
		{{1000, 0, joiner.ReasonClosed}, {2000, 0, joiner.ReasonEarly}},
		{{5999, 1, joiner.ReasonCorrected}},
		{{9000, 0, joiner.ReasonClosed}},
		{{7000, 2, joiner.ReasonCorrected}, {3000, 0, joiner.ReasonEarly}},
	}
	for i, rows := range commits {
		k := uint64(i + 1)
		s, err := o.Stage(k)
		if err != nil {
			t.Fatal(err)
		}
		for j, r := range rows {
			req := &events.Request{ID: fmt.Sprint(k, "-", j), TS: r.ts, Items: []events.Item{{ID: "a"}}}
			row := &joiner.Row{Item: j - 1, Cells: make([]joiner.Cell, 1), Revision: r.revision, Reason: r.reason}
			if err := s.Row(req, row); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Commit(context.Background(), testCut(k, "n")); err != nil {
			t.Fatal(err)
		}
	}
	list := func(since events.Time) (got []string) {
		for w, err := range o.Written(since, 0, false) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(w.RequestID, w.ItemID, " ", int64(w.RequestTS), " ", w.Revision, " ", w.Early))
		}
		return got
	}
	all := []string{"1-1a 2000 0 true", "2-0 5000 1 false", "4-0 7000 2 false", "4-1a 3000 0 true"}
	for since, want := range map[events.Time][]string{
		events.MinTime: all, 2000: all, 2001: all[1:], 3500: {"2-0 5000 1 false", "4-0 7000 2 false", "4-1a 3000 0 true"},
		5999: {"2-0 5000 1 false", "4-0 7000 2 false"}, 6000: {"4-0 7000 2 false"}, events.MaxTime: nil,
	} {
		if got := list(since); !slices.Equal(got, want) {
			t.Errorf("since %d: %q, want %q", int64(since), got, want)
		}
	}
	var every []string
	for w, err := range o.Written(2001, 0, true) {
		if err != nil {
			t.Fatal(err)
		}
		every = append(every, w.RequestID)
	}
	if want := []string{"2-0", "3-0", "4-0", "4-1"}; !slices.Equal(every, want) {
		t.Errorf("of every row since 2001 %q, want %q", every, want)
	}
	for range o.Written(events.MinTime, 0, false) {
		break // stopping early must not go on
	}
	if err := mem.Remove(path.Join(testDir, "data/dt=1970-01-01/p0000-00000000000000000002-000.parquet")); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range o.Written(events.MinTime, 0, false) {
		last = err
	}
	if missing := (*MissingFileError)(nil); !errors.As(last, &missing) || missing.Number != 2 {
		t.Fatalf("a file was removed: %v", last)
	}
}
