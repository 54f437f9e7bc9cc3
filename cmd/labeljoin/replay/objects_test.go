package replay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/events/formats/packed"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
	"github.com/labeljoin/labeljoin/export/diff"
)

// TestMain lets this program read columns, as the command does that a replay starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == replay.ReadColumnsName {
		if err := readColumns(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	replay.PartSmallLogs()
	os.Exit(m.Run())
}

// readColumns is that command with its arguments.
func readColumns(args []string) error {
	end := slices.Index(args, "--")
	flags, path, only := args[:end], args[end+1], args[end+2:]
	if !slices.Contains(flags, "--"+replay.PackFlag) {
		return columnar.Write(context.Background(), path, os.Stdout, only...)
	}
	var room *packed.Room
	if slices.Contains(flags, "--"+replay.RoomFlag) {
		var err error
		if room, err = packed.OpenRoom(os.NewFile(columnar.RoomFD, "room")); err != nil {
			return err
		}
	}
	return columnar.Pack(context.Background(), path, os.Stdout, room, only...)
}

// inStore is what a configuration says of a store.
func inStore(t *testing.T, store *s3test.Store) string {
	t.Setenv("FEED_SECRET", "secret")
	return fmt.Sprintf("s3: {endpoint: %q, region: us-east-1, path_style: true, access_key: key, secret_key: '${FEED_SECRET}'}\n", store.URL)
}

// upload puts objects into the store, by their names.
func upload(t *testing.T, store *s3test.Store, objects map[string][]byte) {
	t.Helper()
	client, err := s3.Connect(s3.Settings{Endpoint: store.URL, Region: "us-east-1", PathStyle: true, AccessKey: "key",
		SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range objects {
		if _, err := client.PutObject(t.Context(), s3test.Name, name, bytes.NewReader(data), int64(len(data)),
			minio.PutObjectOptions{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// requestsAsParquet is a file with the columns of requests.
func requestsAsParquet(t *testing.T, n int) []byte {
	t.Helper()
	type row struct {
		ID string `parquet:"request_id"`
		TS int64  `parquet:"ts,timestamp(millisecond)"`
	}
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("r%05d", i), noon.UnixMilli() + int64(i)*300_000}
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sameRows compares the rows of two outputs in directories.
func sameRows(t *testing.T, a, b string) {
	t.Helper()
	result, err := diff.Compare(t.Context(), a, b, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !result.Same() {
		t.Errorf("%s and %s differ: %+v", a, b, result)
	}
}

// TestReplayFromStore reads logs of an object store, named in all the ways that files are, and gives
// the rows of the same logs in files.
func TestReplayFromStore(t *testing.T) {
	store := s3test.New(t)
	l := traffic(1)
	half := strings.Index(l.requests.String(), `{"request_id":"r00144"`)
	upload(t, store, map[string][]byte{
		"logs/requests/dt=2026-03-01/a.jsonl.gz": zipped(t, l.requests.String()[:half]),
		"logs/requests/dt=2026-03-02/b.jsonl":    []byte(l.requests.String()[half:]),
		"logs/requests/_SUCCESS":                 []byte("x"),
		"logs/requests/.hidden/c.jsonl":          []byte("no event\n"),
		"logs/requests_of_others/d.jsonl":        []byte("no event\n"),
		"logs/outcomes.jsonl":                    []byte(l.outcomes.String()),
		"logs/requests.parquet":                  requestsAsParquet(t, 288),
	})
	dir := t.TempDir()
	local := l.written(t, dir, configured(t, dir, ""))
	if got := run(t, local); got.err != nil {
		t.Fatal(got.err)
	}
	for name, requests := range map[string][]string{
		"a folder":     {"s3://rows/logs/requests"},
		"with a slash": {"s3://rows/logs/requests/"},
		"two objects": {"s3://rows/logs/requests/dt=2026-03-02/b.jsonl",
			"s3://rows/logs/requests/dt=2026-03-01/a.jsonl.gz"},
		"a pattern":     {"s3://rows/logs/requests/dt=*/*.jsonl*"},
		"any folders":   {"s3://rows/logs/**/{a,b}.jsonl*"},
		"columns":       {"s3://rows/logs/requests.parquet"},
		"one and files": {"s3://rows/logs/requests/dt=2026-03-01/a.jsonl.gz", filepath.Join(dir, "request.jsonl")},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			r := &replay.Replay{Config: configured(t, out, inStore(t, store)), Out: filepath.Join(out, "out"),
				MaxRejected: 0.01, Log: local.Log}
			for k, given := range [][]string{requests, {"s3://rows/logs/outcomes.jsonl"}} {
				var err error
				if r.Files[k], err = r.LogPaths(t.Context(), events.Kind(k).String(), given); err != nil {
					t.Fatal(err)
				}
			}
			if got := run(t, r); got.err != nil {
				t.Fatal(got.err)
			}
			sameRows(t, local.Out, r.Out)
			if left, err := os.ReadDir(filepath.Join(r.Out, "_replay")); err == nil {
				t.Errorf("left in the scratch: %v", left)
			}
		})
	}
	for name, given := range map[string]string{
		"nothing there": "s3://rows/logs/no", "no match": "s3://rows/logs/*.avro", "part of a name": "s3://rows/logs/outcomes",
		"malformed": "s3://rows/logs/[a", "no bucket": "s3://", "a pattern as bucket": "s3://ro*/logs/x",
	} {
		t.Run(name, func(t *testing.T) {
			r := &replay.Replay{Config: configured(t, t.TempDir(), inStore(t, store))}
			found, err := r.LogPaths(t.Context(), "requests", []string{given})
			if misuse := (interface{ Misuse() bool })(nil); !errors.As(err, &misuse) || !misuse.Misuse() {
				t.Errorf("%q: %v", found, err)
			}
		})
	}
	t.Run("replaced between two readings", func(t *testing.T) {
		out := t.TempDir()
		r := &replay.Replay{Config: configured(t, out, inStore(t, store)), Out: filepath.Join(out, "out"), Log: local.Log}
		var err error
		if r.Files[events.KindRequest], err = r.LogPaths(t.Context(), "requests",
			[]string{"s3://rows/logs/requests/dt=2026-03-02/b.jsonl"}); err != nil {
			t.Fatal(err)
		}
		r.Files[events.KindOutcome] = local.Files[events.KindOutcome]
		upload(t, store, map[string][]byte{"logs/requests/dt=2026-03-02/b.jsonl": []byte(l.requests.String())})
		if got := run(t, r); got.err == nil || !strings.Contains(got.err.Error(), "was replaced while it was read") {
			t.Errorf("it says %v", got.err)
		}
	})
}

// clickedAre looks at the rows of some requests in an output.
func clickedAre(t *testing.T, r *replay.Replay, want map[string]float64) {
	t.Helper()
	b, err := place.Of(t.Context(), r.Config, r.Out)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := export.OpenArchive(b, 0)
	if err != nil {
		t.Fatal(err)
	}
	for id, value := range want {
		rows, err := archive.Rows(id, events.MinTime, events.MaxTime, []string{"clicked"})
		if err != nil || len(rows) != 1 || rows[0].Labels[0].Value != value {
			t.Errorf("%s: %+v, want one row with %v: %v", id, rows, value, err)
		}
	}
}

// TestReplaceInStore puts rows into the place of a day in an object store.
func TestReplaceInStore(t *testing.T) {
	store, dir := s3test.New(t), t.TempDir()
	settings := inStore(t, store) + "labels:\n  clicked: {when: 'type == \"click\"', window: 30m}\n"
	l := traffic(1)
	r := l.written(t, dir, configured(t, dir, settings))
	r.Out, r.Complete = "s3://rows/feed", true
	if got := run(t, r); got.err != nil {
		t.Fatal(got.err)
	}
	clickedAre(t, r, map[string]float64{"r00000": 1, "r00143": 1, "r00144": 1, "r00150": 1, "r00151": 1})
	again := l.written(t, dir, configured(t, dir, strings.Replace(settings, `type == "click"`, `type == "buy"`, 1)))
	again.Out, again.Complete, again.Replace = r.Out, true, true
	again.From, again.To = events.At(noon.Add(12*time.Hour)), events.MaxTime
	if got := run(t, again); got.err != nil {
		t.Fatal(got.err)
	}
	// Of the second day, which begins with request 144, one in ten is bought.
	clickedAre(t, r, map[string]float64{"r00000": 1, "r00143": 1, "r00144": 0, "r00150": 1, "r00151": 0})
	if got := run(t, r); got.err == nil || !strings.Contains(got.err.Error(), "holds") {
		t.Errorf("the days were written again: %v", got.err)
	}
	t.Run("gaps", func(t *testing.T) {
		for of, want := range map[string]bool{"s3://rows/feed": true, "s3://rows/none": false,
			filepath.Join(dir, "none"): false} {
			_, err := replay.GapsOf(t.Context(), r.Config, of)
			if (err == nil) != want {
				t.Errorf("--gaps-of %s: %v", of, err)
			}
		}
	})
}
