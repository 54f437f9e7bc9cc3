package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/engine/memory"
	"github.com/labeljoin/labeljoin/store"
)

func TestSmoke(t *testing.T) {
	st, err := store.Open(store.Options{FS: vfs.NewMem(), Dir: "state", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ms := func(n int) string { return fmt.Sprint(1_700_000_000_000 + n*1000) }
	var log memory.Log
	seq := uint64(0)
	add := func(k events.Kind, s string) {
		seq++
		log = append(log, events.Batch{Proven: events.MinTime, Messages: []events.Message{{Kind: k, Seq: seq, Stored: events.MinTime, Data: []byte(s)}}})
	}
	add(0, `{"request_id":"r1","ts":`+ms(0)+`,"items":[{"item_id":"a"},{"item_id":"b"}]}`)
	add(1, `{"request_id":"r1","outcome_id":"o1","type":"click","item_id":"a","ts":`+ms(40)+`}`)
	add(1, `{"request_id":"r9","outcome_id":"o1","type":"click","item_id":"a","ts":`+ms(40)+`}`)
	add(0, `{"heartbeat":`+ms(4000)+`}`)
	add(1, `{"heartbeat":`+ms(4000)+`}`)
	add(1, `{"request_id":"r1","outcome_id":"o2","type":"click","item_id":"b","ts":`+ms(41)+`}`)
	add(1, `nonsense`)
	out := &memory.Output{}
	e := engine.New(engine.Options{
		Name: "t", RulesHash: "x",
		Rules: joiner.Rules{
			Labels:   []joiner.Label{{Name: "clicked", Window: 30 * time.Minute, When: func(o *events.Outcome) bool { return o.Type == "click" }}},
			Lateness: time.Minute, Corrections: time.Hour,
		},
		Inputs: []engine.Input{{Name: "log", Kinds: []events.Kind{0, 1}, Open: log.Open}},
		Roll:   engine.Roll{Interval: time.Hour},
		Store:  st, Output: out, Log: slog.Default(), Nonce: func() string { return "n" },
	})
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for r := range out.Rows() {
		t.Log(r.RequestID, r.ItemID, r.Cells, r.Revision, r.Reason)
	}
	t.Logf("%+v", out.Commits[0].Cut.Progress.Ledger)
}
