package logfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/logfile"
)

// ofSections reads a file in so many sections, or whole with none, and gives the data of its messages.
func ofSections(t *testing.T, file []byte, n int) (all []string) {
	t.Helper()
	path := write(t, file)
	for i := range max(1, n) {
		s, err := logfile.Open(logfile.Options{
			Path: path, Kind: events.KindOutcome, Input: 3, Section: logfile.Section{Number: i, Of: n, Size: int64(len(file))},
		})
		if err != nil {
			t.Fatal(err)
		}
		messages, err := drain(t, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			all = append(all, string(m.Data))
		}
		if read, size := s.Progress(); len(messages) > 0 && read != size {
			t.Errorf("at the end of section %d of %d, %d of %d bytes are read", i, n, read, size)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestSections: each line of a file is in one of its sections, however many there are; what cannot be divided is whole
// in the first.
func TestSections(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 17))
		var file bytes.Buffer
		for i := range r.IntN(40) {
			long := []int{0, 3, 50, 5000, 40000}[r.IntN(5)]
			fmt.Fprintf(&file, `{"request_id":"%d%s"}`, i, strings.Repeat("x", r.IntN(long+1)))
			file.WriteString([]string{"\n", "\r\n", "\n\n", "\n \n"}[r.IntN(4)])
		}
		text := file.Bytes()
		if r.IntN(2) == 0 {
			text = bytes.TrimRight(text, " \r\n")
		}
		n := 1 + r.IntN(7)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			want := ofSections(t, text, 0)
			if got := ofSections(t, text, n); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("in %d sections there are %d lines, and %d in all", n, len(got), len(want))
			}
		})
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte("{}\n{}\n{}\n")); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"gzip": packed.Bytes(), "array": []byte("[{},\n{},\n{}]\n"), "table": []byte("request_id,ts\n1,1\n2,1\n3,1\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if got := ofSections(t, file, 3); len(got) != 3 {
				t.Errorf("in three sections there are %d records: %q", len(got), got)
			}
		})
	}
}
