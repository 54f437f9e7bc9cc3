package shards

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/gzip"

	"github.com/labeljoin/labeljoin/events"
)

// TestTFRecord exports a day in both formats: each file has the rows of its twin.
func TestTFRecord(t *testing.T) {
	t.Parallel()
	h, fsys := newHistory(newRand(3)), vfs.NewMem()
	writeOutput(t, fsys, h.commits, 100, events.MaxTime-1, nil)
	o := testOptions(fsys)
	parquet := readShards(t, fsys, mustExport(t, o))
	o.Format, o.Refresh = FormatTFRecord, true
	m := mustExport(t, o)
	at := 0
	for _, f := range m.Files {
		if want := "Split-" + f.Split + "/data_tfrecord-0000"; !strings.Contains(f.Path, want) || !strings.HasSuffix(f.Path, "-of-00004.gz") {
			t.Errorf("a file is called %s", f.Path)
		}
		zip, err := gzip.NewReader(bytes.NewReader(contents(t, fsys, f.Path)))
		if err != nil {
			t.Fatal(err)
		}
		records, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		for ; len(records) > 0; rows++ {
			n := int(binary.LittleEndian.Uint64(records))
			record := records[12 : 12+n]
			if id := parquet[at].id; !bytes.Contains(record, append([]byte{byte(len(id))}, id...)) || parquet[at].split != f.Split {
				t.Fatalf("row %d of %s is not that of request %s", rows, f.Path, id)
			}
			records, at = records[16+n:], at+1
		}
		if rows != f.Rows {
			t.Errorf("%s has %d rows, the manifest says %d", f.Path, rows, f.Rows)
		}
	}
	if at != len(parquet) {
		t.Errorf("%d rows in all, want %d", at, len(parquet))
	}
}
