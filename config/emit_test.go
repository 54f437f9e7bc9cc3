package config

import (
	"slices"
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
		"a label of labels":              {"join: {emit: each}\nlabels: {a: {when: x, window: 1h}, b: {when: x, window: 2h}, c: {of: a + b}}", []time.Duration{h}},
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
	if plain != spelled || each != label || plain == each {
		t.Errorf("close %.8s and %.8s, each %.8s and %.8s", plain, spelled, each, label)
	}
}
