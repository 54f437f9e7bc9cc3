package store

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

func open(t rapid.TB, fs vfs.FS, memTable uint64, tune func(*Store)) *Store {
	s, err := Open(Options{FS: fs, Dir: "state", CacheSize: 1 << 20, Log: slog.New(slog.DiscardHandler), memTable: memTable, tune: tune})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// smallMemTable holds a few of the small batches of tests; one of more than half
// of it is flushed by itself.
const smallMemTable = 2560

// driver does the same to a store and to its model.
type driver struct {
	t       *rapid.T
	fs      *vfs.MemFS
	s       *Store
	m       *model
	saved   state.Checkpoint
	applied []*model // by the number of batches applied
	synced  int      // so many of them were synced
	seq     uint64
	view    state.View
	viewed  []string

	small, colliding bool
	memTable         uint64 // with a small one batches are flushed that were not asked for
}

// tune makes what is rare at the real sizes common.
func (d *driver) tune(s *Store) {
	if d.small {
		s.groupBytes, s.portionBytes = 30, 1
	}
	s.colliding = d.colliding
}

// TestStoreIsItsModel writes batches, reads, forgets, reopens and crashes at
// random, and holds the store against maps.
func TestStoreIsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &driver{t: t, fs: vfs.NewCrashableMem(), m: newModel()}
		d.small, d.colliding = rapid.Bool().Draw(t, "small"), rapid.Bool().Draw(t, "colliding")
		d.memTable = rapid.SampledFrom([]uint64{0, smallMemTable}).Draw(t, "memory table")
		d.s = open(t, d.fs, d.memTable, d.tune)
		d.saved = d.s.Progress()
		d.applied = []*model{d.m.clone()}
		t.Repeat(map[string]func(*rapid.T){
			"request": d.request, "add": d.add, "more": d.add, "outcome": d.outcome, "waiting": d.waiting, "history": d.history, "number": d.number,
			"move": d.move, "adopt": d.adopt, "apply": d.apply, "forget": d.forget, "sync": d.sync, "view": d.look, "reopen": d.reopen, "crash": d.crash,
		})
		d.reopen(t)
		if err := d.s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// moment is one of ten times, two in every slice.
func moment(t *rapid.T, what string) events.Time {
	return events.Time(rapid.IntRange(0, 9).Draw(t, what)) << (sliceBits - 1)
}

func place(t *rapid.T) joiner.RequestKey {
	return joiner.RequestKey{TS: moment(t, "ts"), ID: rapid.SampledFrom([]string{"a", "b", "\x00"}).Draw(t, "id")}
}

func (d *driver) held(t *rapid.T) joiner.StoredOutcome {
	d.seq++
	return joiner.StoredOutcome{
		TS: moment(t, "ts"), ID: rapid.SampledFrom([]string{"", "o", "p"}).Draw(t, "outcome"),
		Hash: [32]byte{rapid.Byte().Draw(t, "hash")}, Origin: events.Origin{Seq: d.seq}, Data: []byte("{}"),
	}
}

// add adds a request of which nothing is held: it goes into a group.
func (d *driver) add(t *rapid.T) {
	p, o := place(t), outcomes().Draw(t, "event")
	if p.TS < d.saved.Forgotten || d.m.requests[p] != "" {
		t.Skip("forgotten, or held")
	}
	d.s.AddRequest(p, o.Origin, o.Data)
	d.m.requests[p], d.m.late[p] = show(joiner.StoredRequest{Pieces: []joiner.StoredPiece{{Origin: o.Origin, Data: string(o.Data)}}}), false
	if !d.s.Dirty(p.ID) {
		t.Fatal("what the batch adds is not dirty")
	}
}

func (d *driver) request(t *rapid.T) {
	p, r := place(t), requests().Draw(t, "request")
	if p.TS < d.saved.Forgotten {
		t.Skip("forgotten")
	}
	d.s.PutRequest(p, &r)
	d.m.requests[p], d.m.late[p] = show(r), r.Late
	if !d.s.Dirty(p.ID) {
		t.Fatal("what the batch writes is not dirty")
	}
}

// any is a place that the model holds.
func (d *driver) any(t *rapid.T) joiner.RequestKey {
	if len(d.m.requests) == 0 {
		t.Skip("no request")
	}
	var all []joiner.RequestKey
	for p := range d.m.requests {
		all = append(all, p)
	}
	slices.SortFunc(all, byKey)
	return rapid.SampledFrom(all).Draw(t, "place")
}

func (d *driver) outcome(t *rapid.T) {
	p, o := d.any(t), d.held(t)
	d.s.PutOutcome(p, &o)
	d.m.outcomes[p] = append(d.m.outcomes[p], o)
	slices.SortFunc(d.m.outcomes[p], inOrder)
}

func (d *driver) waiting(t *rapid.T) {
	id, o := place(t).ID, d.held(t)
	o.Until = max(o.TS, moment(t, "until"))
	if o.Until < d.saved.Orphaned {
		t.Skip("orphaned")
	}
	d.s.PutWaiting(id, &o)
	d.m.waiting[id] = append(d.m.waiting[id], o)
	slices.SortFunc(d.m.waiting[id], inOrder)
}

func (d *driver) history(t *rapid.T) {
	p, h := d.any(t), histories().Draw(t, "history")
	h.LateSeq |= 1 // tells it from none
	d.s.PutHistory(p, &h)
	d.m.histories[p] = show(h)
}

func (d *driver) number(t *rapid.T) {
	if rapid.Bool().Draw(t, "dead letter") {
		l := events.DeadLetter{Reason: "not_json", Data: []byte{1}}
		d.s.AddDeadLetter(&l)
		d.m.letters++
		d.m.held[d.m.letters] = show(l)
		return
	}
	d.queue(unwrittens().Draw(t, "row"))
}

// queue puts a row into the outbox.
func (d *driver) queue(u joiner.QueuedRow) {
	d.s.QueueRow(&u)
	d.m.written++
	d.m.unwritten[d.m.written] = show(u)
}

// move takes a request with all that belongs to it to another time.
func (d *driver) move(t *rapid.T) {
	from, to := d.any(t), joiner.RequestKey{TS: moment(t, "to")}
	if to.ID = from.ID; to.TS < d.saved.Forgotten || d.m.requests[to] != "" {
		t.Skip("taken")
	}
	if d.m.histories[from] != "" { // what has no history has no row in the outbox
		u := unwrittens().Draw(t, "row of it")
		u.Key = from
		d.queue(u)
	}
	d.apply(t)
	r, _, _, err := d.s.Get(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.s.Move(from, to); err != nil {
		t.Fatal(err)
	}
	d.s.PutRequest(to, &r)
	d.m.requests[to], d.m.late[to], d.m.outcomes[to] = d.m.requests[from], d.m.late[from], d.m.outcomes[from]
	if d.m.histories[from] != "" {
		d.m.histories[to] = d.m.histories[from]
	}
	for _, gone := range []func(){
		func() { delete(d.m.requests, from) }, func() { delete(d.m.late, from) },
		func() { delete(d.m.outcomes, from) }, func() { delete(d.m.histories, from) },
	} {
		gone()
	}
	for n, row := range d.m.unwritten {
		if prefix := "{Key:" + show(from) + " "; len(row) > len(prefix) && row[:len(prefix)] == prefix {
			d.m.unwritten[n] = "{Key:" + show(to) + " " + row[len(prefix):]
		}
	}
}

// adopt gives a request an outcome that waits.
func (d *driver) adopt(t *rapid.T) {
	p := d.any(t)
	list := d.m.waiting[p.ID]
	if len(list) == 0 {
		t.Skip("nothing waits")
	}
	o := list[0]
	d.s.DeleteWaiting(p.ID, &o)
	d.s.PutOutcome(p, &o)
	d.m.waiting[p.ID] = slices.Clone(list[1:])
	if len(list) == 1 {
		d.m.waiting[p.ID] = nil
	}
	o.Until = 0 // it waits no more
	d.m.outcomes[p] = append(d.m.outcomes[p], o)
	slices.SortFunc(d.m.outcomes[p], inOrder)
}

func (d *driver) apply(t *rapid.T) {
	sync := rapid.Bool().Draw(t, "sync")
	d.saved.MaxEvent = events.Time(len(d.applied))
	if err := d.s.Apply(&d.saved, sync); err != nil {
		t.Fatal(err)
	}
	d.applied = append(d.applied, d.m.clone())
	if sync {
		d.synced = len(d.applied) - 1
	}
	d.check(t)
}

// check holds what was applied against the model.
func (d *driver) check(t *rapid.T) {
	got, err := dump(d.s.View())
	if d.small {
		slices.Sort(got) // a slice comes in chunks, each sorted by itself
	}
	if want := d.m.dump(d.small); err != nil || !slices.Equal(got, want) {
		t.Fatalf("the state says, with error %v,\n%q, want\n%q", err, got, want)
	}
	d.m.reads(t, d.s, d.colliding)
}

func (d *driver) forget(t *rapid.T) {
	d.apply(t)
	cut := state.PendingCut{
		Forgotten:  max(d.saved.Forgotten, moment(t, "forgotten")),
		Orphaned:   max(d.saved.Orphaned, moment(t, "orphaned")),
		RowsQueued: d.m.written, DeadLetters: d.saved.DeadLetters,
	}
	f := state.Forget{Cut: cut, Orphaned: d.saved.Orphaned}
	for id, list := range d.m.waiting {
		kept := []joiner.StoredOutcome(nil)
		for _, o := range list {
			if o.Until < cut.Orphaned {
				f.Orphans = append(f.Orphans, joiner.RequestKey{TS: o.Until, ID: id})
			} else {
				kept = append(kept, o)
			}
		}
		d.m.waiting[id] = kept
	}
	d.s.Forget(f)
	through := d.s.ForgetRequests(d.saved.Forgotten, cut.Forgotten, rapid.IntRange(0, 5).Draw(t, "about"))
	if through > cut.Forgotten || through == d.saved.Forgotten && through < cut.Forgotten {
		t.Fatalf("of %s..%s, what is stamped before %s is forgotten", d.saved.Forgotten, cut.Forgotten, through)
	}
	for p := range d.m.requests {
		if p.TS < through {
			delete(d.m.requests, p)
			delete(d.m.outcomes, p)
			delete(d.m.histories, p)
		}
	}
	clear(d.m.unwritten)
	ended := through == cut.Forgotten && through > d.saved.Forgotten
	d.saved.Forgotten, d.saved.Orphaned, d.saved.RowsCommitted = through, cut.Orphaned, cut.RowsQueued
	d.apply(t)
	if ended {
		d.nothingBefore(t, through)
	}
}

// nothingBefore wants nothing to be left of what was forgotten to its end. No reader
// looks there, so only the disk would tell.
func (d *driver) nothingBefore(t *rapid.T, through events.Time) {
	for space, to := range map[byte]events.Time{
		spaceRequest: through, spaceOutcome: through, spaceHistory: through,
		spaceGroup: sliceStart(through), spaceEvents: sliceStart(through),
	} {
		if some, err := d.s.any(space, events.MinTime, to); some || err != nil {
			t.Fatalf("space %c holds records before %s, all of which are forgotten; error %v", space, to, err)
		}
	}
}

// sync syncs what was applied through a view.
func (d *driver) sync(t *rapid.T) {
	v := d.s.View()
	if err := errors.Join(v.Sync(), v.Close()); err != nil {
		t.Fatal(err)
	}
	d.synced = len(d.applied) - 1
}

// look takes a view, and holds the one taken before against what it said then.
func (d *driver) look(t *rapid.T) {
	if d.view != nil {
		got, err := dump(d.view)
		if d.small {
			slices.Sort(got)
		}
		if err != nil || !slices.Equal(got, d.viewed) {
			t.Fatalf("a view now says, with error %v,\n%q, and said\n%q", err, got, d.viewed)
		}
	}
	d.view, d.viewed = d.s.View(), d.applied[len(d.applied)-1].dump(d.small)
}

func (d *driver) shut(t *rapid.T) {
	if d.view != nil {
		d.look(t)
		if err := d.view.Close(); err != nil {
			t.Fatal(err)
		}
		d.view = nil
	}
	if err := d.s.Close(); err != nil {
		t.Fatal(err)
	}
}

// reopen closes the store, which drops what was not applied.
func (d *driver) reopen(t *rapid.T) {
	d.shut(t)
	d.back(t, len(d.applied)-1)
}

// crash loses some of what was not synced.
func (d *driver) crash(t *rapid.T) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	after := d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rapid.IntRange(0, 100).Draw(t, "percent"), RNG: r})
	d.shut(t)
	d.fs = after
	d.back(t, -1)
}

// back opens the state again, which holds the first n batches; -1 is any number
// that includes those synced.
func (d *driver) back(t *rapid.T, n int) {
	d.s = open(t, d.fs, d.memTable, d.tune)
	d.saved = d.s.Progress()
	found := max(0, int(d.saved.MaxEvent))
	if n >= 0 && found != n || found < d.synced || found >= len(d.applied) {
		t.Fatalf("%d batches of %d, %d of them synced, are found again", found, len(d.applied)-1, d.synced)
	}
	d.applied, d.synced = d.applied[:found+1], found
	d.m = d.applied[found].clone()
	d.check(t)
}
