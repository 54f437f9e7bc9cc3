package joiner

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/events"
)

// LateSeqBeyond is the LateSeq of an outcome that came when its request could not be
// corrected any more: it counts for no row, and a copy of it is a duplicate.
const LateSeqBeyond = 1<<32 - 1

// lateSeqAny is the LateSeq that includes all events that count.
const lateSeqAny = LateSeqBeyond - 1

// LateSeqAny is the LateSeq that includes all events that count.
const LateSeqAny = lateSeqAny

// Entry is everything that is known of one request: its id, its events in the
// order in which they count, and what was written of it. Before the request comes it
// is the outcomes that wait for one. An Entry of a Machine is changed by its steps.
type Entry struct {
	Key     RequestKey // where the request is kept; before it is known, the id alone counts
	Known   bool       // the request has come
	Request StoredRequest
	History History
	Waiting []*Waiting // outcomes of the id that belong to no request that is known
	// Former are outcomes of open requests of the id that are this one's, by when they
	// are stamped: see Rules.OfOutcome.
	Former []Former
	// Others are where other requests of the id are held, if it was used again.
	Others []RequestKey
	// Beside are the outcomes of other requests of the id, where there may be too many.
	Beside []Fact
	// Outcomes are those of the request, in Order, copies included. They are only
	// needed for some steps: see Machine.Needs.
	Outcomes []*Fact
	// Gone are those that the request has no more, as of StoredOutcome.Gone.
	Gone []Fact

	decoded        []*events.Request // of the pieces; nil until needed
	queue          queue             // of Waiting; see compareWaiting
	crowd          crowd             // of Outcomes; see compareStored
	firsts         firsts            // of Outcomes; see decideFirst
	positives      []LabelRef        // the positives of Outcomes, if positivesKnown
	positivesKnown bool
	work           Work
}

// ManyOutcomes is how many outcomes make a request worth keeping at hand: reading
// and decoding them for each event that follows would cost more than the event.
const ManyOutcomes = fewOutcomes

// Lasting reports whether an entry may serve the next event of its id as well: it is
// all that is known of the id, and large. Its texts are then its own.
func (x *Entry) Lasting() bool {
	if !x.Known {
		return len(x.Waiting) >= ManyOutcomes && len(x.Others) == 0
	}
	return len(x.Outcomes) >= ManyOutcomes && len(x.Waiting) == 0 && len(x.Others) == 0
}

// Waiting is an outcome that waits for its request.
type Waiting struct {
	Stored StoredOutcome
	Fact   Fact
}

// Former is an outcome that another request of the id has.
type Former struct {
	From   RequestKey // of that request
	Stored StoredOutcome
	Fact   Fact
}

// Work counts what a step had to do beyond its own event.
type Work struct {
	Requests int // events of the request that were decoded
	Outcomes int // outcomes that were decoded
	Folded   int // outcomes that were folded into rows, or looked at for the first one that counts in a row
}

// Work is what was done for the entry so far.
func (x *Entry) Work() Work { return x.work }

// AddOutcome adds an outcome that the state holds for the request. They may come in
// any order, and are best added in Order.
func (x *Entry) AddOutcome(m *Machine, h *StoredOutcome) error {
	f, err := m.fact(h)
	if err != nil {
		return err
	}
	x.work.Outcomes++
	if f.Gone {
		x.Gone = append(x.Gone, f)
		return nil
	}
	x.insertFact(f)
	return nil
}

// AddWaiting adds an outcome that waits under the entry's id.
func (x *Entry) AddWaiting(m *Machine, h *StoredOutcome) error {
	f, err := m.fact(h)
	if err != nil {
		return err
	}
	x.work.Outcomes++
	x.Waiting = append(x.Waiting, &Waiting{*h, f})
	return nil
}

// AddFormer adds an outcome of an open request of the id.
func (x *Entry) AddFormer(m *Machine, from RequestKey, h *StoredOutcome) error {
	f, err := m.fact(h)
	if err != nil {
		return err
	}
	x.work.Outcomes++
	x.Former = append(x.Former, Former{From: from, Stored: *h, Fact: f})
	return nil
}

// AddBeside adds an outcome of another request of the id.
func (x *Entry) AddBeside(m *Machine, h *StoredOutcome) error {
	f, err := m.fact(h)
	x.work.Outcomes++
	x.Beside = append(x.Beside, f)
	return err
}

// fact decodes an outcome of the state.
func (m *Machine) fact(h *StoredOutcome) (Fact, error) {
	o, err := m.Decoders[events.KindOutcome].DecodeStored(h.Data)
	if err != nil {
		return Fact{}, Undecodable("outcome", h.Origin, err)
	}
	f := m.Rules.Fact(&o)
	_, f.Given = events.AssignedTo(h.Data)
	f.Origin, f.LateSeq, f.Until, f.Booked, f.Gone = h.Origin, h.LateSeq, h.Until, h.Booked, h.Gone
	return f, nil
}

// Undecodable says that an event of the state, which was decoded when it was read,
// is not what it was.
func Undecodable(what string, at events.Origin, err error) error {
	return fmt.Errorf("decoding a held %s, which was accepted when it was read (message %d): %w", what, at.Seq, err)
}

// hashOf is the hash of an event's bytes.
func hashOf(data string) [32]byte { return sha256.Sum256([]byte(data)) }

// piece decodes a piece, once.
func (x *Entry) piece(m *Machine, i int) (*events.Request, error) {
	for len(x.decoded) <= i {
		x.decoded = append(x.decoded, nil)
	}
	if x.decoded[i] != nil {
		return x.decoded[i], nil
	}
	h := &x.Request.Pieces[i]
	req, err := m.Decoders[events.KindRequest].DecodeRequest([]byte(h.Data))
	if err != nil {
		return nil, Undecodable("request", h.Origin, err)
	}
	x.work.Requests++
	x.decoded[i] = &req
	return &req, nil
}

// At makes one request of its pieces up to a late sequence.
func (x *Entry) At(m *Machine, lateSeq uint32) (events.Request, error) { return x.assemble(m, lateSeq) }

func (x *Entry) assemble(m *Machine, lateSeq uint32) (events.Request, error) {
	pieces := make([]Piece, 0, len(x.Request.Pieces))
	for i := range x.Request.Pieces {
		h := &x.Request.Pieces[i]
		if h.LateSeq > lateSeq {
			continue
		}
		req, err := x.piece(m, i)
		if err != nil {
			return events.Request{}, err
		}
		p := Piece{Request: *req}
		if len(x.Request.Pieces) > 1 {
			p.Hash = hashOf(h.Data)
		}
		pieces = append(pieces, p)
	}
	if len(pieces) == 0 {
		return events.Request{}, ErrNoPieces
	}
	req := m.Rules.Assemble(pieces)
	req.Items = slices.Clip(req.Items) // who appends to them appends to their own
	return req, nil
}

// decide folds the outcomes up to a late sequence into rows.
func (x *Entry) decide(m *Machine, rules *Rules, lateSeq uint32) (*events.Request, *Decision, error) {
	req, err := x.assemble(m, lateSeq)
	if err != nil {
		return nil, nil, err
	}
	d := new(Decision)
	d.Begin(rules, &req)
	for _, f := range x.Outcomes {
		if f.LateSeq <= lateSeq {
			d.AddFact(f)
			x.work.Folded++
		}
	}
	return &req, d, nil
}
