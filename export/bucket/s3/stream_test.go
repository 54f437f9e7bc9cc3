package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// put stores an object.
func put(t *testing.T, b *Bucket, name string, data []byte) {
	t.Helper()
	stage(t, b, "_staging/put", data)
	if err := b.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish([]bucket.Move{{From: "_staging/put", To: name}}); err != nil {
		t.Fatal(err)
	}
}

// listed is the only object whose name begins with a text.
func listed(t *testing.T, b *Bucket, begin string) Object {
	t.Helper()
	all, err := b.Objects(begin)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v: %v", all, err)
	}
	return all[0]
}

// A stream gives the whole object, though requests fail and answers break off.
func TestStream(t *testing.T) {
	store := s3test.New(t)
	b := at(t, store, nil)
	for _, size := range []int{0, 1, streamBytes - 1, streamBytes, 2*streamBytes + 123} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			put(t, b, "logs/x", data)
			store.Break(func(n int, _ *http.Request) s3test.Fault {
				return []s3test.Fault{s3test.FaultNone, s3test.FaultCut, s3test.FaultRefuse}[n%4%3]
			})
			defer store.Break(nil)
			r := b.Stream(listed(t, b, "logs/"))
			defer r.Close()
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d of %d bytes: %v", len(got), size, err)
			}
		})
	}
}

// What takes an object's place after it was listed is not read as if it were the object.
func TestStreamOfAnother(t *testing.T) {
	b := at(t, s3test.New(t), nil)
	put(t, b, "logs/x", bytes.Repeat([]byte("a"), streamBytes+1))
	o := listed(t, b, "logs/x")
	for name, other := range map[string][]byte{
		"of the same size": bytes.Repeat([]byte("b"), streamBytes+1), "a short one": []byte("c"), "an empty one": nil,
	} {
		t.Run(name, func(t *testing.T) {
			put(t, b, "logs/x", other)
			r := b.Stream(o)
			defer r.Close()
			if _, err := io.ReadAll(r); !errors.Is(err, errReplaced) {
				t.Errorf("it is read: %v", err)
			}
		})
	}
}

// A stream that is closed in the middle asks for nothing more.
func TestStreamClosed(t *testing.T) {
	store := s3test.New(t)
	b := at(t, store, nil)
	put(t, b, "logs/x", make([]byte, 5*streamBytes))
	r := b.Stream(listed(t, b, "logs/x"))
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	store.Break(nil)
	if n := store.Requests(); n != 0 {
		t.Errorf("%d requests after it was closed", n)
	}
}

// Objects are those of the prefix alone, with names below it.
func TestObjectsBelow(t *testing.T) {
	b := at(t, s3test.New(t), nil)
	for _, name := range []string{"logs/a/1", "logs/a/2", "logs/b", "logsb", "other/logs/c"} {
		put(t, b, name, []byte(name))
	}
	other := at(t, s3test.New(t), func(o *Options) { o.Prefix = "" })
	put(t, other, "at/the/top", []byte("x"))
	for _, c := range []struct {
		in     *Bucket
		prefix string
		want   []string
	}{
		{b, "logs/", []string{"logs/a/1", "logs/a/2", "logs/b"}}, {b, "logs",
			[]string{"logs/a/1", "logs/a/2", "logs/b", "logsb"}},
		{b, "none", nil}, {other, "", []string{"at/the/top"}}, {other, "at/t", []string{"at/the/top"}},
	} {
		t.Run(c.prefix, func(t *testing.T) {
			all, err := c.in.Objects(c.prefix)
			var names []string
			for i := range all {
				names = append(names, all[i].Name)
				if c.in == b && (all[i].Size != int64(len(all[i].Name)) || strings.Contains(all[i].ETag, `"`) || all[i].ETag == "") {
					t.Errorf("%+v", all[i])
				}
			}
			if slices.Sort(names); err != nil || !slices.Equal(names, c.want) {
				t.Errorf("%q: %q, want %q: %v", c.prefix, names, c.want, err)
			}
		})
	}
}
