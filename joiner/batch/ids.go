package batch

import (
	"bytes"
	"context"
	"slices"

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
	open := j.o.OpenIDs
	if open == nil {
		open = j.o.Open[events.KindRequest]
	}
	return each(ctx, j, open, func(w *worker, b *events.Batch) []uint64 {
		some := make([]uint64, 0, len(b.Messages))
		w.eachID(b, func(id []byte) {
			if h := hashOf(id); j.mine(h) && j.keeps(id) {
				some = append(some, h)
			}
		})
		return some
	}, func(some []uint64) error {
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

// hashes are those of ids, parted by their first bits: a part is sorted faster than all
// are, and beside the others.
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
	var group errgroup.Group
	group.SetLimit(jobs)
	for p := range h.parts {
		group.Go(func() error {
			part := h.parts[p]
			slices.Sort(part)
			for i := 1; i < len(part); i++ {
				if part[i] == part[i-1] {
					found[p] = append(found[p], part[i])
				}
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
