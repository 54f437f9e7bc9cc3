package logfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/events/logfile"
)

// write makes a file. Its name says nothing of what is in it.
func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, from uint64) *logfile.Source {
	t.Helper()
	s, err := logfile.Open(logfile.Options{Path: path, Kind: events.KindOutcome, Input: 3, From: from})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// drain reads to the end, or to an error, and checks what holds of all batches.
func drain(t testing.TB, s *logfile.Source) ([]events.Message, error) {
	t.Helper()
	var all []events.Message
	for {
		batch, err := s.Next(context.Background())
		if batch.ReadThrough != events.MinTime {
			t.Fatalf("a file proves nothing about time, got %v", batch.ReadThrough)
		}
		if err != nil {
			if len(batch.Messages) > 0 {
				t.Fatal("messages and an error at once")
			}
			if _, again := s.Next(context.Background()); again == nil || again.Error() != err.Error() {
				t.Fatalf("%v, then %v: the end is final", err, again)
			}
			if err == io.EOF {
				return all, nil
			}
			return all, err
		}
		size := 0
		for _, m := range batch.Messages {
			size += len(m.Data)
			if m.Kind != events.KindOutcome || m.Input != 3 || m.Stored != events.MinTime {
				t.Fatalf("message %+v", m)
			}
		}
		if n := len(batch.Messages); n == 0 || n > 1000 || size > 1<<20+logfile.MaxLine {
			t.Fatalf("a batch of %d messages, %d bytes", n, size)
		}
		all = append(all, batch.Messages...)
	}
}

func zipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// check holds a source against the plainest reading of the same bytes.
func check(t testing.TB, path string, plain []byte, from uint64) {
	t.Helper()
	got, err := drain(t, open(t, path, from))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(plain), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if uint64(i+1) < from || len(bytes.TrimSpace([]byte(line))) == 0 {
			continue
		}
		if len(got) == 0 || got[0].Seq != uint64(i+1) || string(got[0].Data) != line {
			t.Fatalf("%.200q from %d: line %d is not next: %d messages left", plain, from, i+1, len(got))
		}
		got = got[1:]
	}
	if len(got) > 0 {
		t.Fatalf("%.200q from %d: %d messages too many", plain, from, len(got))
	}
}

func TestLinesInAreLinesOut(t *testing.T) {
	var long strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&long, "{\"n\":%d,\"pad\":%q}\n", i, strings.Repeat("x", i%900))
	}
	for _, text := range []string{
		"", "\n", "\n\n \n\t\r\n", "a", "a\n", "a\nb", "a\r\nb\r\n", "\na\n\n\nb\n", "a\rb\n", "\r\n", " a \n", "x\x00y\n\xff\n", long.String(),
		strings.Repeat("y", 200_000) + "\nz\n", strings.Repeat("\n", 2500) + "a",
	} {
		plain := []byte(text)
		check(t, write(t, plain), plain, 1)
		check(t, write(t, zipped(t, plain)), plain, 1)
		check(t, write(t, zstandard(t, plain)), plain, 0)
	}
	half := len(long.String()) / 2
	members := append(zipped(t, []byte(long.String()[:half])), zipped(t, []byte(long.String()[half:]))...)
	check(t, write(t, members), []byte(long.String()), 1)
	for _, from := range []uint64{2, 1000, 1001, 2499, 2500, 2501} {
		check(t, write(t, members), []byte(long.String()), from)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb\r\nc"), uint64(1))
	f.Add([]byte("\n\n\n"), uint64(3))
	f.Fuzz(func(t *testing.T, plain []byte, from uint64) {
		if formats.Detect(plain) != formats.FormatLines {
			t.Skip("it is no lines of JSON")
		}
		count := uint64(bytes.Count(plain, []byte("\n")))
		from %= count + 2
		if bytes.HasSuffix(plain, []byte("\n")) || len(plain) == 0 || from <= count {
			check(t, write(t, zipped(t, plain)), plain, from)
		}
	})
}

// FuzzOpen: whatever a file holds, reading it ends, with messages or an error.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("{}\n"))
	f.Add(zipped(f, []byte("{}\n{}\n")))
	f.Add(zstandard(f, []byte("{}\n{}\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := logfile.Open(logfile.Options{Path: write(t, data), Kind: events.KindOutcome, Input: 3, From: 1})
		if err != nil {
			return
		}
		got, _ := drain(t, s)
		if last := uint64(0); len(got) > 0 {
			for _, m := range got {
				if m.Seq <= last {
					t.Fatalf("line %d after %d", m.Seq, last)
				}
				last = m.Seq
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLongLinesAreCut: they are rejected by the decoder, and cost no more
// memory than the longest that are not.
// TestMarksAlone: a line of a byte order mark, and of nothing more, is blank, however lines are read.
func TestMarksAlone(t *testing.T) {
	const mark, event = "\xef\xbb\xbf", `{"a":1}`
	long := strings.Repeat("x", 2<<20) // so that lines are read one by one
	for _, c := range []struct {
		name, text string
		want       []uint64
	}{
		{"a file", mark, nil},
		{"a line", mark + "\r\n", nil},
		{"with white space", mark + " \n", nil},
		{"before and after events", mark + "\n" + event + "\n" + mark + event + "\n" + mark, []uint64{2, 3}},
		{"behind a long line", long + "\n" + mark + "\n" + event, []uint64{1, 3}},
		{"half of it", mark[:2], []uint64{1}},
		{"two of them", mark + mark, []uint64{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := drain(t, open(t, write(t, []byte(c.text)), 1))
			if err != nil {
				t.Fatal(err)
			}
			var seqs []uint64
			for i := range got {
				seqs = append(seqs, got[i].Seq)
			}
			if !slices.Equal(seqs, c.want) {
				t.Errorf("lines %v, want %v", seqs, c.want)
			}
		})
	}
}

func TestLongLinesAreCut(t *testing.T) {
	const most = 100_000
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, length := range []int{most - 1, most, most + 1, most + 2, most + 3, most + 4, 2*most + 7} {
			text := "first\n" + strings.Repeat("x", length) + end
			if end != "" {
				text += "last"
			}
			s := open(t, write(t, []byte(text)), 1)
			s.Limit(most)
			got, err := drain(t, s)
			if err != nil || string(got[0].Data) != "first" {
				t.Fatalf("%d bytes: %v", length, err)
			}
			if want := min(length, most+1); len(got[1].Data) != want || got[1].Data[want-1] != 'x' {
				t.Errorf("%d bytes and %q: %d are kept, want %d", length, end, len(got[1].Data), want)
			}
			if end != "" && (len(got) != 3 || string(got[2].Data) != "last" || got[2].Seq != 3) {
				t.Errorf("%d bytes: the line after it is lost", length)
			}
		}
	}
}

// TestBomb: a small file whose one line is longer than MaxLine.
func TestBomb(t *testing.T) {
	got, err := drain(t, open(t, write(t, zstandard(t, bytes.Repeat([]byte("["), logfile.MaxLine+1<<20))), 1))
	if err != nil || len(got) != 1 || len(got[0].Data) != logfile.MaxLine+1 {
		t.Fatalf("%d messages, %v; want one that is cut", len(got), err)
	}
	for _, piece := range new(jsonevent.Decoder).Split(got[0].Data) {
		if _, err := new(jsonevent.Decoder).ScanRequest(piece); err == nil || !strings.HasPrefix(err.Error(), events.ReasonTooLarge) {
			t.Errorf("a line that was cut is %v, want %s", err, events.ReasonTooLarge)
		}
	}
}

// TestTruncatedFiles: the lines before the end of what can be read come out,
// then an error that says which file and which line.
func TestTruncatedFiles(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "{\"request_id\":\"%x\"}\n", i*i*2654435761)
	}
	for name, data := range map[string][]byte{"gzip": zipped(t, []byte(text.String())), "zstd": zstandard(t, []byte(text.String()))} {
		t.Run(name, func(t *testing.T) {
			path := write(t, data[:len(data)*2/3])
			got, err := drain(t, open(t, path, 1))
			if err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: %v, want a file that is not complete", name, err)
			}
			if want := fmt.Sprintf("outcome log %s, line %d: ", path, len(got)+1); len(got) == 0 || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: error %q after %d lines, want it to begin with %q", name, err, len(got), want)
			}
			if last := got[len(got)-1]; !bytes.HasSuffix(last.Data, []byte("}")) {
				t.Errorf("%s: half a line came out: %q", name, last.Data)
			}
		})
	}
	broken := zipped(t, []byte(text.String()))
	broken[len(broken)-5] ^= 1 // in the checksum
	if _, err := drain(t, open(t, write(t, broken), 1)); !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("a wrong checksum gives %v", err)
	}
	for _, data := range []string{"\x1f\x8b", "\x1f\x8bnonsense of no use"} {
		if s, err := logfile.Open(logfile.Options{Path: write(t, []byte(data))}); err == nil {
			t.Errorf("%q is opened as %v", data, s)
		}
	}
}

func TestAnotherFileThanBefore(t *testing.T) {
	path := write(t, []byte("a\nb\n"))
	for from, want := range map[uint64]int{1: 2, 2: 1, 3: 0} {
		if got, err := drain(t, open(t, path, from)); err != nil || len(got) != want {
			t.Errorf("from %d: %d messages, %v; want %d", from, len(got), err, want)
		}
	}
	if _, err := drain(t, open(t, path, 4)); err == nil || !strings.Contains(err.Error(), "ends after line 2") {
		t.Errorf("a log shorter than what was read of it: %v", err)
	}
	if _, err := logfile.Open(logfile.Options{Path: path + ".gone"}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	s := open(t, write(t, []byte("a\nb\n")), 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if batch, err := s.Next(ctx); err != context.Canceled || len(batch.Messages) > 0 {
		t.Fatalf("%d messages, %v", len(batch.Messages), err)
	}
	if got, err := drain(t, s); err != nil || len(got) != 2 {
		t.Errorf("the lines are still there afterwards: %d, %v", len(got), err)
	}
}

// TestPipe: what a pipe brings is handed over before the next of it comes.
func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = stdin })
	if _, err := w.WriteString("a\n\nb\n"); err != nil {
		t.Fatal(err)
	}
	s := open(t, "-", 1)
	batch, err := s.Next(context.Background())
	if err != nil || len(batch.Messages) == 0 || string(batch.Messages[0].Data) != "a" {
		t.Fatalf("%+v, %v", batch, err)
	}
	if err := errors.Join(w.Close(), func() error { _, err := drain(t, s); return err }()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stat(); err != nil {
		t.Errorf("standard input is closed: %v", err)
	}
}

// TestDataIsItsOwn: changing a message's data changes no other.
func TestDataIsItsOwn(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "line %d\n", i+1)
	}
	s := open(t, write(t, []byte(text.String())), 1)
	all, err := drain(t, s)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		if string(m.Data) != fmt.Sprintf("line %d", i+1) {
			t.Fatalf("message %d became %q", i+1, m.Data)
		}
		clear(m.Data[:cap(m.Data)])
	}
}
