package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStages: at the ends of which windows rows are written before their close.
func TestStages(t *testing.T) {
	const h = time.Hour
	for name, c := range map[string]struct {
		src  string
		want []time.Duration
	}{
		"close":                          {"labels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}}", nil},
		"each":                           {"join: {emit: each}\nlabels: {b: {when: x, window: 2h}, a: {when: x, window: 1h}, c: {when: x, window: 3h}}", []time.Duration{h, 2 * h}},
		"one window":                     {"join: {emit: each}\nlabels: {a: x, b: x}", nil},
		"rows wait for no longest label": {"labels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}, c: {when: x, window: 3h, emit: each}}", []time.Duration{2 * h}},
		"rows wait for one label":        {"join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 2h, emit: close}, c: {when: x, window: 3h}}", []time.Duration{2 * h}},
		"rows wait for the longest":      {"join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 2h, emit: close}}", nil},
		"provisional": {"labels: {a: {when: x, window: 1h}, b: {when: x, window: 9h, provisional: 1h}}",
			[]time.Duration{h}},
		"provisional, and each":       {"join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 9h, provisional: 2h}}", []time.Duration{h, 2 * h}},
		"provisional before a window": {"labels: {a: {when: x, window: 3h, emit: each}, b: {when: x, window: 9h, provisional: 2h}}", []time.Duration{2 * h, 3 * h}},
		"two that are provisional":    {"labels: {a: {when: x, window: 8h, provisional: 2h}, b: {when: x, window: 9h, provisional: 2h}}", []time.Duration{2 * h, 8 * h}},
		"a label of labels":           {"join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}, c: {of: a + b}}", []time.Duration{h}},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := Decode("", []byte("name: feed\nnats: {embedded: true}\n"+c.src+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := read.Stages(); !slices.Equal(got, c.want) {
				t.Errorf("rows are written after %v, want %v", got, c.want)
			}
		})
	}
}

// TestFingerprintSaysWhenRowsAreWritten: by which settings does not matter, and a configuration
// in which every row waits for all labels has the fingerprint that it always had.
func TestFingerprintSaysWhenRowsAreWritten(t *testing.T) {
	of := func(src string) string {
		c, err := Decode("", []byte("name: feed\nnats: {embedded: true}\n"+src+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c.Fingerprint()
	}
	plain := of("labels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}}")
	spelled := of("join: {emit: close}\nlabels: {a: {when: x, window: 1h, emit: close}, b: {when: x, window: 2h, emit: close}}")
	each := of("join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}}")
	label := of("labels: {a: {when: x, window: 1h}, b: {when: x, window: 2h, emit: each}}")
	provisional := of("labels: {a: {when: x, window: 1h}, b: {when: x, window: 2h, provisional: 1h}}")
	if plain != spelled || each != label || plain == each || provisional == each {
		t.Errorf("close %.8s and %.8s, each %.8s and %.8s", plain, spelled, each, label)
	}
}

// TestProvisionalIsRefused: where no row could have the provisional value, the configuration says why,
// and what to change.
func TestProvisionalIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ src, at, want string }{
		"not before the end": {"labels: {b: {when: x, window: 1h, provisional: 1h}}", "labels.b.provisional",
			"not before the end of the window (1h)"},
		"before it begins": {"labels: {b: {when: x, window: 3h, from: 2h, provisional: 1h}}", "labels.b.provisional",
			"not after `from` (2h)"},
		"emit: close": {"labels: {b: {when: x, window: 3h, provisional: 1h, emit: close}}",
			"labels.b.provisional", "remove one of the two lines"},
		"rows wait for another": {"labels: {a: {when: x, window: 2h}, b: {when: x, window: 3h, provisional: 1h}}",
			"labels.b.provisional", "rows wait for a until 2h after the request: give a `emit: each`"},
		"of labels wait for it": {"labels: {b: {when: x, window: 3h, provisional: 1h}, c: {of: b == 1}}",
			"labels.b.provisional", "rows wait for c until 3h"},
		"of others": {"labels: {b: {when: x, window: 3h}, c: {of: b == 1, provisional: 1h}}",
			"labels.c.provisional", "has no effect beside `of`"},
		"emit: early": {"join: {emit: early}\nlabels: {b: {when: x, window: 3h, provisional: 1h}}",
			"labels.b.provisional", "join.emit: early when all are"},
		"negatives": {"join: {negatives: above_last_positive}\nlabels: {b: {when: x, window: 3h, provisional: 1h}}",
			"labels.b.provisional", "keep all of them"},
		"a sample": {"join: {sample_negatives: 0.5}\nlabels: {b: {when: x, window: 3h, provisional: 1h}}",
			"labels.b.provisional", "export.sample"},
		"another has the column": {"labels: {b: {when: x, window: 3h, provisional: 1h}, b_delay: x}", "labels.b_delay",
			"a column of the provisional label b"},
		"exports want it": {"labels: {b: x}\nexport: {include: [provisional]}", "export.include[0]",
			"no label is provisional"},
		"a label is called so": {"labels: {b: {when: x, window: 3h, provisional: 1h}, stage: {when: x, window: 30m}}",
			"labels.stage", "says how final a row is"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode("", []byte("name: feed\nnats: {embedded: true}\n"+c.src+"\n"))
			if err == nil || !strings.Contains(err.Error(), c.at) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v; want %s: %s", err, c.at, c.want)
			}
		})
	}
}
