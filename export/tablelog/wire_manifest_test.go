package tablelog

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

func randomTime(rng *rand.Rand) events.Time {
	switch rng.IntN(6) {
	case 0:
		return events.MinTime
	case 1:
		return events.MaxTime
	case 2:
		return []events.Time{events.MinTime + 1, events.MaxTime - 1, 0, -1, 1e9, 1e9 - 1}[rng.IntN(6)]
	}
	return events.Time(rng.Uint64())
}

func randomLedger(rng *rand.Rand) joiner.Ledger {
	l := joiner.Ledger{
		Heartbeats: rng.Int64(), UnknownFields: rng.Int64(), Rows: rng.Int64(), Unseen: rng.Int64(),
		SampledOut: rng.Int64(), Unfit: rng.Int64(),
	}
	for k := range l.Kinds {
		l.Kinds[k] = joiner.Tally{Read: rng.Int64(), Pending: -rng.Int64()}
		for d := range l.Kinds[k].Disposed {
			if rng.IntN(2) == 0 {
				l.Kinds[k].Disposed[d] = rng.Int64()
			}
		}
	}
	return l
}

func randomCut(rng *rand.Rand) *joiner.Cut {
	positions := func() (ps []events.Position) {
		for range rng.IntN(3) {
			ps = append(ps, events.Position{Input: "s<é>", Created: randomTime(rng), Next: rng.Uint64(), Skip: rng.Uint32()})
		}
		return ps
	}
	c := &joiner.Cut{
		Number: 1 + rng.Uint64N(1<<63), Nonce: "n\"", RulesHash: "h", From: positions(), MaxEvent: randomTime(rng),
		Closed: randomLedger(rng),
		Progress: joiner.Progress{
			Inputs: positions(), ClosedThrough: randomTime(rng), Ledger: randomLedger(rng),
		},
	}
	if c.Progress.PublishedThrough = c.Progress.ClosedThrough; rng.IntN(2) == 0 {
		c.Progress.PublishedThrough = randomTime(rng)
	}
	c.Progress.Commit = c.Number
	for i := range rng.IntN(4) { // one alone is nothing that the clock would list, and is read back all the same
		s := joiner.SourceClock{Name: fmt.Sprint("in ", i)}
		for k := range s.Kinds {
			s.Seen[k], s.ReadThrough[k] = events.MinTime, events.MinTime
			if s.Kinds[k] = rng.IntN(3) > 0; s.Kinds[k] {
				s.Seen[k], s.ReadThrough[k] = randomTime(rng), randomTime(rng)
			}
		}
		c.Progress.Clock.Sources = append(c.Progress.Clock.Sources, s)
	}
	for k := range c.Progress.Clock.Seen {
		c.Progress.Clock.Seen[k], c.Progress.Clock.ReadThrough[k] = randomTime(rng), randomTime(rng)
	}
	return c
}

func TestCutRoundTripsThroughTheManifest(t *testing.T) {
	for seed := range uint64(500) {
		rng := newRand(seed)
		cut := randomCut(rng)
		op := &Operation{Format: formatThree, Name: "feed", Partitions: 1, Kind: KindAppend, Nonce: cut.Nonce, Number: cut.Number + rng.Uint64N(2), Commit: cut}
		if op.Number > 1 {
			op.Parent = strings.Repeat("ab", 32)
		}
		if cut.Number == op.Number && rng.IntN(2) == 0 {
			op.Format = formatOne
		} else if rng.IntN(2) == 0 {
			op.Schema = []SchemaColumn{{Name: fmt.Sprint("c", rng.IntN(5)), Type: "json", Kind: SchemaFeature}}
		}
		data, err := op.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(data)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, data)
		}
		if !reflect.DeepEqual(back, op) {
			t.Fatalf("seed %d: got %+v, want %+v", seed, back, op)
		}
	}
}

// sampleOperation is a first commit with a file and dead letters.
func sampleOperation() *Operation {
	cut := &joiner.Cut{Number: 1, Nonce: "nonce1", RulesHash: "abc", MaxEvent: 1, Progress: joiner.Progress{
		Commit: 1, Clock: joiner.NewClock(), ClosedThrough: events.MinTime, PublishedThrough: events.MinTime,
	}}
	cut.Progress.Ledger.Kinds[events.KindRequest] = joiner.Tally{Read: 1}
	cut.Progress.Ledger.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted] = 1
	hash := strings.Repeat("ab", 32)
	return &Operation{
		Format: formatThree, Name: "feed", Partitions: 1, Number: 1, Kind: KindAppend, Nonce: "nonce1", Commit: cut,
		Added: []File{{
			Path: "data/dt=2026-11-22/p0000-00000000000000000001-000.parquet", Staging: "_staging/p0000-x.parquet", Rows: 3, Bytes: 10,
			SHA256: hash, RowsHash: hash, Columns: []Column{{Name: "request_id", Type: "string"}},
		}},
		DeadLetters: &DeadLetters{Path: DeadLetterPath(0, 1), Staging: "_staging/p0000-x.jsonl", Lines: 1, Bytes: 1, SHA256: hash},
		Schema:      []SchemaColumn{{Name: "request_id", Type: "string", Kind: SchemaOwn}, {Name: "age", Type: "double", Kind: SchemaFeature, Since: 1}},
	}
}

// sampleReplace merges the file of sampleOperation into another.
func sampleReplace() *Operation {
	op := sampleOperation()
	file := op.Added[0]
	file.Path, file.Staging = "data/dt=2026-11-22/p0000-op00000000000000000002-000.parquet", "_staging/p0000-y.parquet"
	file.FirstCommit, file.LastCommit, file.RulesHash = 1, 1, "abc"
	return &Operation{
		Format: Format, Name: "feed", Partitions: 1, Number: 2, Kind: KindReplace, Nonce: "nonce2", Cause: "compact", Parent: strings.Repeat("cd", 32),
		Added: []File{file}, Removed: []string{op.Added[0].Path},
	}
}

func encoded(t testing.TB, op *Operation) []byte {
	t.Helper()
	data, err := op.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestManifestIsReadStrictly(t *testing.T) {
	changed(t, string(encoded(t, sampleOperation())), map[string]string{
		`"operation": "append"`:      `"operation": "upsert"`,
		`"commit": 1`:                `"commit": 2`,
		`"format": 3`:                `"format": 2`,
		`"kind": "feature"`:          `"kind": "fact"`,
		`"since": 1`:                 `"since": 2`,
		`"name": "age"`:              `"name": "Request_ID"`,
		`"files": [`:                 `"removed": ["data/dt=2026-11-22/x.parquet"], "files": [`,
		`"nonce": "nonce1"`:          `"nonce": ""`,
		`"name": "feed"`:             `"name": "feed", "extra": 1`,
		`"number": 1`:                `"number": 0`,
		`"partition": 0`:             `"partition": 0, "partition": 0`,
		`"partitions": 1`:            `"partitions": 0`,
		`"data/dt=2026-11-22/`:       `"data/../../`,
		`"_staging/p0000`:            `"/etc/p0000`,
		`"accepted": 1`:              `"acepted": 1`,
		`"max_event": "1970`:         `"max_event": "+1970`,
		`000000001Z"`:                `000000001+00:00"`,
		`"prev_manifest_sha256": ""`: `"prev_manifest_sha256": "x"`,
		`"rows": 3`:                  `"rows": -3`,
		`"rows_hash": "`:             `"rows_hash": "zz`,
		`"deadletter/p0000`:          `"deadletter/p0001`,
	})
	changed(t, string(encoded(t, sampleReplace())), map[string]string{
		`"operation": "replace"`:              `"operation": "append"`,
		`"cause": "compact"`:                  `"cause": ""`,
		`"first_commit": 1`:                   `"first_commit": 2`,
		`"removed": ["data/dt=2026-11-22/`:    `"removed": ["data/../`,
		`"files": [`:                          `"begins": 3, "files": [`,
		`"operation": "replace", "nonce": "n`: `"operation": "delete", "nonce": "n`,
		`"summary": {`:                        `"table": {"path": "_commits/x.json", "sha256": "00"}, "summary": {`,
	})
	labels := sampleReplace()
	labels.Cause, labels.Schema = "replay", []SchemaColumn{{Name: "bought", Type: "double", Kind: SchemaLabel}}
	changed(t, string(encoded(t, labels)), map[string]string{
		`"format": 4`:      `"format": 3`, // which had no schema in a replace
		`"kind": "label"`:  `"kind": ""`,
		`"type": "double"`: `"type": ""`,
	})
	good := string(encoded(t, sampleOperation()))
	for _, bad := range []string{"", "null", "[]", good + "x", good + good} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%.20q was accepted", bad)
		}
	}
}

// changed checks that a manifest is read, and each change of it refused.
func changed(t *testing.T, good string, changes map[string]string) {
	t.Helper()
	if _, err := decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for from, to := range changes {
		t.Run(to, func(t *testing.T) {
			if !strings.Contains(good, from) {
				t.Fatalf("the manifest has no %s:\n%s", from, good)
			}
			if _, err := decode([]byte(strings.Replace(good, from, to, 1))); err == nil {
				t.Errorf("%s in place of %s was accepted", to, from)
			}
		})
	}
}

// Whatever is accepted is understood: it comes out as it went in.
func FuzzManifest(f *testing.F) {
	f.Add(encoded(f, sampleOperation()))
	f.Add(encoded(f, sampleReplace()))
	f.Add([]byte(`{"format":3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		op, err := decode(data)
		if err != nil {
			return
		}
		summary := op.Summary // Encode counts what was added anew
		again, err := op.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(again)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		op.Hash, back.Hash, op.Summary, back.Summary = "", "", summary, summary
		if !reflect.DeepEqual(op, back) {
			t.Fatalf("%+v, then %+v", op, back)
		}
	})
}
