package events

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestNumeral(t *testing.T) {
	b := new(page)
	r := rand.New(rand.NewPCG(1, 2))
	odd := 0
	for range 2_000_000 {
		digits := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		text := digits
		if k := r.IntN(len(digits) + 1); r.IntN(4) > 0 && k < len(digits) {
			text = digits[:k] + "." + digits[k:]
			if k == 0 {
				text = "0" + text
			}
		}
		if r.IntN(3) == 0 {
			text = "-" + text
		}
		n := copy(b[:], text+",12345678")
		clear(b[n : n+64])
		got, end := b.numeral(b.word(0), 0)
		if end != len(text) {
			odd++
			if end != -1 {
				t.Fatal(text, end)
			}
			continue
		}
		want, _ := strconv.ParseFloat(text, 64)
		if f := got.float(); math.Float64bits(f) != math.Float64bits(want) {
			t.Fatal(text, f, want)
		}
		v := number(text)
		k, ok := got.int()
		if ok != (v.Kind == Int) || ok && v.Int != k {
			t.Fatal(text, v, k, ok)
		}
	}
	t.Log(odd)
}
