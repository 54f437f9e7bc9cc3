package shards

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/events"
)

// TestShardSize: where their number is not fixed, files of training rows are as large as was asked for, by what
// they take on disk: rows that compress well make fewer files. The number follows from the rows alone: neither
// from the files that they come from, nor from how many are held in memory.
func TestShardSize(t *testing.T) {
	t.Parallel()
	const rows, size = 8000, 100_000
	for _, c := range []struct {
		name   string
		format Format
		text   func(i int) string
		group  int64 // bytes of a row group
		shards int
	}{
		{"texts that repeat", FormatParquet, func(int) string { return fmt.Sprintf("%0128d", 7) }, 200_000, 1},
		{"random texts", FormatParquet, randomText(), 200_000, 16},
		{"random texts, of which few make a row group", FormatParquet, randomText(), 1, 16},
		{"random texts in TFRecord", FormatTFRecord, randomText(), 200_000, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var day []testRow
			for i := range rows {
				day = append(day, testRow{id: fmt.Sprint("r", i), item: "i", ts: testDay().Add(time.Duration(i) * time.Second),
					tags: []string{c.text(i)}})
			}
			for _, way := range []struct {
				name     string
				fileRows int
				memory   int64
			}{{"one file, one bucket", rows, 1 << 30}, {"many files and buckets", 700, 100_000}} {
				t.Run(way.name, func(t *testing.T) {
					fsys := vfs.NewMem()
					writeOutput(t, fsys, [][]testRow{day}, way.fileRows, events.MaxTime-1, nil)
					o := testOptions(fsys)
					o.Format, o.Shards, o.ShardBytes, o.GroupBytes, o.Memory = c.format, 0, size, c.group, way.memory
					m := mustExport(t, o)
					if m.Counts.Read != rows || m.Counts.Written != rows {
						t.Errorf("counted %+v", m.Counts)
					}
					if m.Method.Shards != c.shards {
						t.Errorf("%d files of a split, want %d", m.Method.Shards, c.shards)
					}
					for _, f := range m.Files {
						if f.Split == splitNames[splitTrain] && (f.Bytes < size*4/10 || f.Bytes > size*11/10) {
							t.Errorf("%s has %d bytes, want half of %d to all of it", f.Path, f.Bytes, size)
						}
					}
				})
			}
		})
	}
}

// randomText makes texts that do not compress well, which are the same each time.
func randomText() func(i int) string {
	rng := newRand(5)
	return func(int) string {
		var b [64]byte
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return hex.EncodeToString(b[:])
	}
}
