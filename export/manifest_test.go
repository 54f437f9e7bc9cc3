package export

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func letter() *events.DeadLetter {
	return &events.DeadLetter{Input: "S", Origin: events.Origin{Seq: 1}, Reason: "not_json", Stored: events.MinTime, Data: []byte("x")}
}

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
	positions := func() (ps []joiner.Position) {
		for range rng.IntN(3) {
			ps = append(ps, joiner.Position{Input: "s<é>", Created: randomTime(rng), Next: rng.Uint64(), Skip: rng.Uint32()})
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
	if c.Progress.Announced = c.Progress.ClosedThrough; rng.IntN(2) == 0 {
		c.Progress.Announced = randomTime(rng)
	}
	c.Progress.Commit = c.Number
	for k := range c.Progress.Clock.Seen {
		c.Progress.Clock.Seen[k], c.Progress.Clock.Proven[k] = randomTime(rng), randomTime(rng)
	}
	return c
}

func TestCutRoundTripsThroughTheManifest(t *testing.T) {
	for seed := range uint64(500) {
		rng := newRand(seed)
		cut := randomCut(rng)
		m := &manifest{Format: manifestFormat, Name: "feed", Partitions: 1, Files: []file{}}
		if cut.Number > 1 {
			m.Previous = strings.Repeat("ab", 32)
		}
		m.setCut(cut)
		data, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeManifest(data)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, data)
		}
		if got := back.cut(); !reflect.DeepEqual(&got, cut) {
			t.Fatalf("seed %d: got %+v, want %+v", seed, got, *cut)
		}
	}
}

func sampleManifest(t testing.TB) []byte {
	t.Helper()
	mem := vfs.NewMem()
	o := open(t, options(mem))
	defer o.Close()
	mustCommit(t, o, 1)
	data, err := contents(mem, testDir+"/_commits/p0000/00000000000000000001.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestManifestIsReadStrictly(t *testing.T) {
	good := string(sampleManifest(t))
	if _, err := decodeManifest([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
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
	} {
		if !strings.Contains(good, from) {
			t.Fatalf("the manifest has no %s:\n%s", from, good)
		}
		if _, err := decodeManifest([]byte(strings.Replace(good, from, to, 1))); err == nil {
			t.Errorf("%s in place of %s was accepted", to, from)
		}
	}
	for _, bad := range []string{"", "null", "[]", good + "x", good + good} {
		if _, err := decodeManifest([]byte(bad)); err == nil {
			t.Errorf("%.20q was accepted", bad)
		}
	}
}

// Whatever is accepted is understood: it comes out as it went in.
func FuzzManifest(f *testing.F) {
	f.Add(sampleManifest(f))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeManifest(again)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if x, y := m.cut(), back.cut(); !reflect.DeepEqual(x, y) {
			t.Fatalf("%+v, then %+v", x, y)
		}
		if !reflect.DeepEqual(m.artifacts(), back.artifacts()) {
			t.Fatal("other files came back")
		}
	})
}
