package jsonevent

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// checkNumeral reads a text as a number and holds what is read against the slow
// way, and against the standard library.
func checkNumeral(t *testing.T, b *page, text string) (read bool) {
	t.Helper()
	n := copy(b[:], text)
	clear(b[n : n+pageSlack])
	got, end := b.numeral(b.word(0), 0)
	if end < 0 {
		return false
	}
	text = text[:end]
	var v events.Value
	got.into(&v)
	if want := number(text); v.Kind != want.Kind || v.Int != want.Int || math.Float64bits(v.Float) != math.Float64bits(want.Float) {
		t.Fatalf("%s: read as %+v, want %+v", text, v, want)
	}
	want, err := strconv.ParseFloat(text, 64)
	if f := got.float(); err != nil || math.Float64bits(f) != math.Float64bits(want) {
		t.Fatalf("%s: read as %v, want %v (%v)", text, f, want, err)
	}
	s := scanner{data: b[:n]}
	if slow := s.number(0); slow != end {
		t.Fatalf("%s: ends at %d, want %d", b[:n], end, slow)
	}
	return true
}

func TestNumerals(t *testing.T) {
	b := new(page)
	r := rand.New(rand.NewPCG(1, 2)) // fixed: every run is the same
	rounds := 500_000
	if testing.Short() {
		rounds /= 10
	}
	odd := 0
	for range rounds {
		text := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		if point := 1 + r.IntN(len(text)); point < len(text) {
			text = text[:point] + "." + text[point:]
			if r.IntN(4) == 0 {
				text = "0." + text[:point]
			}
		}
		if r.IntN(3) == 0 {
			text = "-" + text
		}
		if !checkNumeral(t, b, text+",12345678") {
			odd++
		}
	}
	if odd > rounds/20 { // those of 20 digits
		t.Errorf("%d of %d numbers were not read", odd, rounds)
	}
	// Halfway between two floats, and next to it.
	for _, text := range []string{"9007199254740993", "9007199254740993.0", "9007199254740993.1", "9007199254740992.9", "900719925474099.35", "9007199254740995", "1.8446744073709551615", "0.9007199254740993001"} {
		checkNumeral(t, b, text)
	}
}

func FuzzNumeral(f *testing.F) {
	for _, text := range []string{"0", "-0", "0.5", "12345678", "123456789.123456789", "01", "1.", "-", "1e5", "9223372036854775808", "0.1234567890123456789"} {
		f.Add(text)
	}
	b := new(page)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1000 {
			checkNumeral(t, b, text)
		}
	})
}
