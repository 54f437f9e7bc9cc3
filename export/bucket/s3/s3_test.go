package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// at is a bucket in a store, as a process of its own has it.
func at(t testing.TB, store *s3test.Store, change func(o *Options)) *Bucket {
	t.Helper()
	client, err := Connect(Settings{Endpoint: store.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Client: client, Bucket: s3test.Name, Prefix: "ml/feed", Local: bucket.NewDir(vfs.NewMem(), "state/uploads"),
		Scratch: t.TempDir(), Pause: time.Millisecond, RetryFor: 10 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func stage(t testing.TB, b bucket.Bucket, name string, data []byte) {
	t.Helper()
	w, err := b.Stage(name)
	if err != nil {
		t.Fatal(err)
	}
	// A copy: under the race detector, Pebble's file system in memory spoils what it was given.
	if _, err := w.Write(bytes.Clone(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, b *Bucket, name string) string {
	t.Helper()
	data, err := b.readAll(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestObjects(t *testing.T) {
	store := s3test.New(t)
	b := at(t, store, nil)
	if b.String() != "s3://rows/ml/feed" || !b.Direct() || b.Present() != nil {
		t.Errorf("it is %s", b)
	}
	stage(t, b, "_staging/1", []byte("one"))
	if get(t, b, "_staging/1") != "one" || get(t, b, "data/dt=1/x") != "none" {
		t.Fatal("a staged file is not where it is staged")
	}
	moves := []bucket.Move{{From: "_staging/1", To: "data/dt=1/x"}}
	for range 2 {
		if err := b.Publish(moves); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.SyncDir("_staging"), b.Remove("_staging/1"), b.Publish(moves)); err != nil {
		t.Fatal(err)
	}
	if get(t, b, "data/dt=1/x") != "one" || get(t, b, "_staging/1") != "none" {
		t.Fatal("the object is not where it was published")
	}
	if err := b.Publish([]bucket.Move{{From: "_staging/none", To: "data/z"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing was published: %v", err)
	}
	if _, err := b.Stage("data/x"); err == nil {
		t.Error("an object was begun that is not staged")
	}
	for _, name := range []string{"data/dt=2/y", "data/dt=2/z", "empty"} {
		if err := b.CreateIfAbsent(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if get(t, b, "empty") != "" {
		t.Error("an empty object has content")
	}
	for dir, want := range map[string][]string{"data": {"dt=1", "dt=2"}, "data/dt=2": {"y", "z"}, "no/such": nil,
		"_staging": nil} {
		t.Run(dir, func(t *testing.T) {
			if names, err := b.List(dir); err != nil || !slices.Equal(slices.Sorted(slices.Values(names)), want) {
				t.Errorf("%s has %q, want %q: %v", dir, names, want, err)
			}
		})
	}
	if err := errors.Join(b.RemoveAll("data"), b.Remove("empty"), b.Remove("empty")); err != nil {
		t.Fatal(err)
	}
	if names, err := b.List("data"); err != nil || len(names) > 0 {
		t.Errorf("left %q: %v", names, err)
	}
	lock, err := b.Lock("_commits/LOCK")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock("_commits/LOCK"); err == nil {
		t.Error("locked twice")
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// An object is read whole whatever its size, though answers break off in the middle.
func TestReading(t *testing.T) {
	store := s3test.New(t)
	b := at(t, store, nil)
	for _, size := range []int{0, 1, headBytes - 1, headBytes, headBytes + 1, 1 << 20, memoryBytes + 12345} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			name := fmt.Sprintf("_staging/%d", size)
			stage(t, b, name, data)
			if err := b.Publish([]bucket.Move{{From: name, To: "data/x"}}); err != nil {
				t.Fatal(err)
			}
			store.Break(func(n int, _ *http.Request) s3test.Fault {
				return []s3test.Fault{s3test.FaultNone, s3test.FaultCut, s3test.FaultRefuse}[n%4%3]
			})
			defer store.Break(nil)
			r, err := b.Open("data/x")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d of %d bytes: %v", len(got), size, err)
			}
		})
	}
}

// Of many that create an object one wins, and its content is there.
func TestCreateIfAbsentRace(t *testing.T) {
	store := s3test.New(t)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		b := at(t, store, nil)
		wg.Go(func() { errs[i] = b.CreateIfAbsent("c/x", fmt.Appendf(nil, "content %d", i)) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, bucket.ErrExist):
			t.Fatalf("creator %d: %v, after %d won", i, err, winner)
		}
	}
	if got, want := get(t, at(t, store, nil), "c/x"), fmt.Sprint("content ", winner); got != want {
		t.Fatalf("content %q, want %q", got, want)
	}
}

// Whatever becomes of a request and its answer, who creates an object is told so, and who
// does not is told that.
func TestCreateIfAbsentFaults(t *testing.T) {
	for _, fault := range s3test.Faults() {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprint(fault, taken), func(t *testing.T) {
				store := s3test.New(t)
				b := at(t, store, nil)
				if err := b.Probe(); err != nil {
					t.Fatal(err)
				}
				if taken {
					if err := at(t, store, nil).CreateIfAbsent("c/x", []byte("theirs")); err != nil {
						t.Fatal(err)
					}
				}
				store.Break(func(n int, _ *http.Request) s3test.Fault {
					if n == 1 {
						return fault
					}
					return s3test.FaultNone
				})
				err := b.CreateIfAbsent("c/x", []byte("mine"))
				if taken != errors.Is(err, bucket.ErrExist) || !taken && err != nil {
					t.Errorf("error %v", err)
				}
				want := map[bool]string{false: "mine", true: "theirs"}[taken]
				if got := get(t, b, "c/x"); got != want {
					t.Errorf("content %q, want %q", got, want)
				}
			})
		}
	}
}

// A store that does not keep two writers apart is refused, and told what is wrong.
func TestUnfitStores(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *http.Request)
		says   string
	}{
		"ignores the condition": {func(r *http.Request) { r.Header.Del("If-None-Match") }, "it replaced an object"},
		"two win": {func() func(r *http.Request) {
			n := 0
			return func(r *http.Request) {
				if n++; n == 5 {
					r.Header.Del("If-None-Match")
				}
			}
		}(), "of 8 requests that created one object at once, 2"},
	} {
		t.Run(name, func(t *testing.T) {
			store := s3test.New(t)
			var mu sync.Mutex
			store.Change(func(r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if r.Header.Get("If-None-Match") != "" {
					c.change(r)
				}
			})
			err := at(t, store, nil).CreateIfAbsent("c/x", nil)
			if _, unfit := errors.AsType[*UnfitError](err); !unfit || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Google's store is asked in its own way, and the header is signed.
func TestGoogle(t *testing.T) {
	store := s3test.New(t)
	store.Change(func(r *http.Request) {
		r.Header.Del("If-None-Match") // it does not know it
		if r.Header.Get("X-Goog-If-Generation-Match") != "0" {
			return
		}
		if !strings.Contains(r.Header.Get("Authorization"), "x-goog-if-generation-match") {
			t.Errorf("the condition is not signed: %s", r.Header.Get("Authorization"))
		}
		r.Header.Set("If-None-Match", "*")
	})
	client, err := Connect(Settings{Endpoint: store.URL, GCS: true, AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	b := at(t, store, func(o *Options) { o.Client = client })
	if err := b.CreateIfAbsent("c/x", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateIfAbsent("c/x", []byte("two")); !errors.Is(err, bucket.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
}

// A store that is away is waited for, and the cause is told while it is; a stop ends that.
func TestStoreIsAway(t *testing.T) {
	store := s3test.New(t)
	stop := make(chan struct{})
	told := make(chan error, 1000)
	b := at(t, store, func(o *Options) {
		o.RetryFor, o.Stop, o.Waits = 0, stop, func(cause error) { told <- cause }
	})
	if err := b.CreateIfAbsent("a", nil); err != nil {
		t.Fatal(err)
	}
	for i, fault := range []s3test.Fault{s3test.FaultDrop, s3test.FaultRefuse} {
		store.Break(func(n int, _ *http.Request) s3test.Fault {
			if n <= 5 {
				return fault
			}
			return s3test.FaultNone
		})
		if err := b.CreateIfAbsent(fmt.Sprint("b", i), nil); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := <-told; !errors.As(err, new(*UnreachableError)) {
				t.Fatalf("told %v", err)
			}
		}
		if err := <-told; err != nil {
			t.Fatalf("told %v when it was over", err)
		}
	}
	store.Break(func(int, *http.Request) s3test.Fault { return s3test.FaultDrop })
	go func() { <-told; close(stop) }()
	if err := b.CreateIfAbsent("c", nil); !errors.As(err, new(*UnreachableError)) {
		t.Errorf("after a stop: %v", err)
	}
	hasty := at(t, store, func(o *Options) { o.RetryFor = 20 * time.Millisecond })
	if _, err := hasty.Open("a"); !errors.As(err, new(*UnreachableError)) {
		t.Errorf("after its patience: %v", err)
	}
}

// What the store refuses is not tried again, and the way out is told.
func TestRefusals(t *testing.T) {
	store := s3test.New(t)
	b := at(t, store, func(o *Options) { o.Bucket = "no-such" })
	err := b.CreateIfAbsent("a", nil)
	if _, misuse := errors.AsType[*SettingError](err); !misuse || !strings.Contains(err.Error(), "make the bucket") {
		t.Errorf("error %v", err)
	}
}
