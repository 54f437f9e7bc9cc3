package tablelog

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// TestLargeManifestsAreRemembered: a large manifest that is read again is what it was, whatever the reader before
// made of it; and one that was changed since is read anew.
func TestLargeManifestsAreRemembered(t *testing.T) {
	fsys := vfs.NewMem()
	l := newLog(t, fsys, "out")
	days := make([]int, 200)
	for i := range days {
		days[i] = 1 + i%28
	}
	op := appendOf(1, "n1", days...)
	if _, err := newWriter(t, l, "t", 0).Commit(op, Options{}); err != nil {
		t.Fatal(err)
	}
	first, err := l.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.recent.ops) != 1 {
		t.Fatalf("%d manifests are remembered", len(l.recent.ops))
	}
	want, err := newLog(t, fsys, "out").Read(1)
	if err != nil {
		t.Fatal(err)
	}
	first.Unstage()
	first.Added[0].Rows, first.Name = 7, "other"
	second, err := l.Read(1)
	if err != nil || !reflect.DeepEqual(second, want) {
		t.Errorf("read again, it differs (%v)", err)
	}
	name := ManifestPath(0, 1)
	data, err := ReadObject(l.bucket, name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(data), `"feed"`, `"food"`, 1)
	if err := bucket.NewDir(fsys, "out").Replace(name, []byte(changed)); err != nil {
		t.Fatal(err)
	}
	if third, err := l.Read(1); err != nil || third.Name != "food" || third.Hash == want.Hash {
		t.Errorf("a manifest that was changed is read as before (%v)", err)
	}
	for range 2 * recentKept {
		data = append(data, '\n')
		if _, err := l.recent.decode(data); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.recent.ops) != recentKept {
		t.Errorf("%d manifests are remembered", len(l.recent.ops))
	}
	for range 3 {
		data = append(data, bytes.Repeat([]byte{'\n'}, recentMost/4)...)
		if _, err := l.recent.decode(data); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.recent.size(); n > recentMost || len(l.recent.ops) != 1 {
		t.Errorf("%d manifests of %d bytes are remembered", len(l.recent.ops), n)
	}
}
