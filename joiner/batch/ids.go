package batch

import (
	"bytes"
	"context"
	"slices"

	"github.com/cespare/xxhash/v2"

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
	o, info, err := w.parsers[k].Outcome(data)
	return []byte(o.RequestID), err == nil && !info.Heartbeat
}

// hashOf parts ids into passes, and finds their outcomes.
func hashOf(id []byte) uint64 { return xxhash.Sum64(id) }

// keeps reports whether an id is joined at all.
func (j *join) keeps(id []byte) bool { return j.o.Keep == nil || j.o.Keep(id) }

// readIDs finds the ids of which there are several requests.
func (j *join) readIDs(ctx context.Context) error {
	j.advance(events.KindRequest, false)
	var hashes []uint64
	room := max(j.o.Memory-j.outcomes.size(), j.o.Memory/8)
	err := each(ctx, j, events.KindRequest, func(w *worker, b *events.Batch) []uint64 {
		some := make([]uint64, 0, len(b.Messages))
		for i := range b.Messages {
			w.pieces(events.KindRequest, &b.Messages[i], func(_ events.Origin, data []byte, made *events.Decoded) {
				if made != nil && made.Reject != nil {
					return
				}
				if id, ok := w.idOf(events.KindRequest, data); ok {
					if h := hashOf(id); j.mine(h) && j.keeps(id) {
						some = append(some, h)
					}
				}
			})
		}
		return some
	}, func(some []uint64) error {
		hashes = append(hashes, some...)
		if int64(cap(hashes))*8 > room && !j.settled {
			return errTooMuch
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(hashes)
	j.apart = &apart{ids: map[uint64]struct{}{}}
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			j.apart.ids[hashes[i]] = struct{}{}
		}
	}
	return nil
}

// apart are the requests of which there may be several of an id. They are decided when
// all of them have been read.
type apart struct {
	ids  map[uint64]struct{} // by their hashes
	held []setAside
}

type setAside struct {
	hash uint64
	at   events.Origin
	data []byte
}
