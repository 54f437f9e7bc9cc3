package health_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/export/health"
)

// TestCountsMergeInAnyOrder: parts of the rows that are added up in any order have the bytes of all
// rows counted at once, and come back as they were.
func TestCountsMergeInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	labels := []string{"clicked", "bought"}
	whole := health.NewTable(labels)
	var parts []*health.Table
	for range 8 {
		part := health.NewTable(labels)
		for range 40 {
			c := health.Cell{Rows: 1, Scored: 1, Predicted: rng.Int64N(1 << 32), Hits: make([]uint64, 2), Expected: make([]int64, 2),
				Labels: make([]health.Label, 2)}
			c.Labels[rng.IntN(2)] = health.Label{Known: 1, Positive: uint64(rng.IntN(2)), Delay: rng.Int64N(1e6) - 1000}
			c.Expected[0] = c.Predicted
			k := health.Key{Slice: []string{health.All, "device=phone", "device=<b>"}[rng.IntN(3)], Hour: health.Hour(rng.IntN(5))}
			delay := rng.Int64N(2000) - 1000
			for _, to := range []*health.Table{part, whole} {
				to.Add(k, &c)
				to.Delays[1][delay]++
			}
		}
		parts = append(parts, part)
	}
	want := encode(t, whole)
	for turn := range 5 {
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		sum := health.NewTable(labels)
		for _, part := range parts {
			read, by, err := health.Decode(encode(t, part))
			if err != nil || len(by) != 1 || by[0] != "device" {
				t.Fatalf("seed %d: %v, %v", seed, err, by)
			}
			sum.Join(read)
		}
		if got := encode(t, sum); !bytes.Equal(got, want) {
			t.Fatalf("seed %d, turn %d: got\n%s\nwant\n%s", seed, turn, got, want)
		}
	}
}

func encode(t *testing.T, table *health.Table) []byte {
	t.Helper()
	data, err := health.Encode(table, []string{"device"})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDecodeRefuses what is no counts, or of other labels than it says.
func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{"", "{", `{"format":7}`, `{"format":1,"labels":["a"],"cells":[{"hour":"2026-11-21T10:00Z"}]}`,
		`{"format":1,"labels":["a"],"deciles":[{}]}`, `{"format":1,"labels":["a"],"cells":[{"hour":"now"}]}`} {
		if _, _, err := health.Decode([]byte(text)); err == nil {
			t.Errorf("%q gives no error", text)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30*time.Minute + time.Millisecond: "30m", 90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m",
		36 * time.Hour: "36h", 1500 * time.Millisecond: "1.5s", 0: "0s", 10 * time.Minute: "10m", 20 * time.Second: "20s",
	} {
		if got := health.Span(d); got != want {
			t.Errorf("%d ns is %s, want %s", d, got, want)
		}
	}
}
