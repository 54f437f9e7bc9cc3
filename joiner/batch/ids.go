package batch

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/labeljoin/labeljoin/events"
)

// idOf finds the id of an event that may be none: it does not look at more of it than it
// has to. What it finds of an event that is none does no harm, for that is rejected when
// it is decoded.
func (w *worker) idOf(k events.Kind, data []byte) (id []byte, ok bool) {
	const usual = `{"request_id":"`
	if len(data) > len(usual) && string(data[:len(usual)]) == usual {
		rest := data[len(usual):]
		if end := bytes.IndexByte(rest, '"'); end > 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
			return rest[:end], true
		}
	}
	if k == events.KindRequest {
		scan, err := w.parsers[k].ScanRequest(data)
		return scan.ID, err == nil && !scan.Heartbeat
	}
	id, _, info, err := w.parsers[k].ScanOutcome(data)
	return id, err == nil && !info.Heartbeat
}

// eachID calls visit with the ids of the requests in a batch.
func (w *worker) eachID(b *events.Batch, visit func(id []byte)) {
	const k = events.KindRequest
	piece := func(_ events.Origin, data []byte, made *events.Decoded) {
		if made != nil && made.Reject != nil {
			return
		}
		if id, ok := w.idOf(k, data); ok {
			visit(id)
		}
	}
	for i := range b.Messages {
		if b.Records == nil {
			w.pieces(k, &b.Messages[i], piece)
			continue
		}
		id, ok := b.Records.ID(i)
		if !ok {
			id, ok = w.idOf(k, b.Records.JSON(i))
		}
		if ok {
			visit(id)
		}
	}
}

// hashOf parts ids into passes, and finds their outcomes.
func hashOf(id []byte) uint64 { return xxhash.Sum64(id) }

// keeps reports whether an id is joined at all.
func (j *join) keeps(id []byte) bool { return j.o.Keep == nil || j.o.Keep(id) }

// readIDs finds the hashes of the ids of the requests.
func (j *join) readIDs(ctx context.Context, known *hashes) error {
	parts, err := j.openIDs(ctx, len(j.workers))
	if err != nil {
		return err
	}
	err = j.addIDs(ctx, parts, known)
	if err == nil || len(parts) == 1 || errors.Is(err, errTooMuch) || ctx.Err() != nil {
		return err
	}
	// How far a damaged log is read depends on where its reader began, and the requests are read from its beginning.
	*known = hashes{}
	if parts, err = j.openIDs(ctx, 1); err != nil {
		return err
	}
	return j.addIDs(ctx, parts, known)
}

// openIDs begins to read the requests for their ids, in at most so many parts.
func (j *join) openIDs(ctx context.Context, parts int) ([]Source, error) {
	if j.o.OpenIDs != nil {
		return j.o.OpenIDs(ctx, parts)
	}
	source, err := j.o.Open[events.KindRequest](ctx)
	return []Source{source}, err
}

// addIDs adds the hashes of the ids in all parts of the requests. Their order has no meaning.
func (j *join) addIDs(ctx context.Context, parts []Source, known *hashes) error {
	var adding sync.Mutex
	return eachOf(ctx, j, parts, func(w *worker, b *events.Batch) []uint64 {
		some := make([]uint64, 0, len(b.Messages))
		w.eachID(b, func(id []byte) {
			if h := hashOf(id); j.mine(h) && j.keeps(id) {
				some = append(some, h)
			}
		})
		return some
	}, func(some []uint64) error {
		adding.Lock()
		defer adding.Unlock()
		known.add(some)
		return j.fits(known)
	})
}

// fits says whether the ids of a pass have room beside its outcomes. As long as those are being read, it depends on the
// moment how soon it says that there is none, and never whether it does.
func (j *join) fits(ids *hashes) error {
	room := max(j.o.Memory-j.outcomes.size(), j.o.Memory/8)
	if ids.size > room && !j.passesFixed {
		return errTooMuch
	}
	return nil
}

// hashes are those of ids, parted by their first bits: a part fits into the processor's cache, and is looked through
// beside the others.
type hashes struct {
	parts [1 << hashPartBits][]uint64
	size  int64 // bytes allocated
}

const hashPartBits = 8

func (h *hashes) add(some []uint64) {
	for _, hash := range some {
		part := &h.parts[hash>>(64-hashPartBits)]
		before := cap(*part)
		*part = append(*part, hash)
		h.size += int64(cap(*part)-before) * 8
	}
}

// several are the hashes that were added more than once. They are found by so many
// goroutines.
func (h *hashes) several(jobs int) map[uint64]struct{} {
	found := make([][]uint64, len(h.parts))
	var taken atomic.Int64
	var group errgroup.Group
	for range jobs {
		group.Go(func() error {
			var table []uint64
			for p := taken.Add(1) - 1; p < int64(len(h.parts)); p = taken.Add(1) - 1 {
				found[p], table = repeated(h.parts[p], table)
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	all := map[uint64]struct{}{}
	for _, hash := range slices.Concat(found...) {
		all[hash] = struct{}{}
	}
	return all
}

// mostProbes is how many hashes may want one place of a table. Where it is more they were made to: the producer of
// the events chooses the ids.
const mostProbes = 64

// repeated are the hashes of a part that are there more than once; one may be given several times. It uses a table,
// in the memory of the one before, which it returns for the next.
func repeated(part, memory []uint64) (found, table []uint64) {
	size := bits.Len(uint(2 * len(part)))
	table = slices.Grow(memory[:0], 1<<size)[:1<<size]
	clear(table)
	mask, zeros := uint64(len(table)-1), 0
	for _, hash := range part {
		if hash == 0 { // in the table it is an empty place
			if zeros++; zeros == 2 {
				found = append(found, hash)
			}
			continue
		}
		i := hash << hashPartBits >> (64 - size)
		probes := 0
		for ; table[i&mask] != 0 && table[i&mask] != hash && probes < mostProbes; probes++ {
			i++
		}
		switch {
		case probes == mostProbes:
			return repeatedSorted(part), table
		case table[i&mask] == hash:
			found = append(found, hash)
		}
		table[i&mask] = hash
	}
	return found, table
}

// repeatedSorted is repeated in any case, and slower. It sorts the part.
func repeatedSorted(part []uint64) (found []uint64) {
	slices.Sort(part)
	for i := 1; i < len(part); i++ {
		if part[i] == part[i-1] {
			found = append(found, part[i])
		}
	}
	return found
}

// apart are the requests of which there may be several of an id. They are decided when
// all of them have been read.
type apart struct {
	ids   map[uint64]struct{} // by their hashes
	aside []setAside
}

type setAside struct {
	hash uint64
	at   events.Origin
	data []byte
}
