package batch

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// holding is an outcome of the request at hand, and its entry.
type holding struct {
	outcome events.Outcome
	data    []byte // as the table has it
	at      events.Origin
	entry   *entry
}

// requestRead is one request that was read: decided, set aside or rejected.
type requestRead struct {
	at       events.Origin
	data     []byte
	letter   []byte // for the dead letters
	err      error  // why it was rejected, or why the join cannot go on
	failed   bool   // it cannot
	ts       events.Time
	unknown  int
	kind     requestKind
	hash     uint64
	request  events.Request
	decision joiner.Decision
	rows     []joiner.Row
	bare     bool // the features of the request are in the columns of its batch, and there alone
	row      int  // of which it is this row
	fates    [joiner.Dispositions]int64
}

type requestKind uint8

const (
	requestRows      requestKind = iota
	requestApart                 // its id may have several requests
	requestHeartbeat             // it is no request
	requestRejected
	requestElsewhere // it is of another pass
)

// requestsRead are those of a batch, and the rows that are written of it. Their memory is used again.
type requestsRead struct {
	list []requestRead
	n    int
	rows gathered.Rows
	// columns are the features of the whole batch, if it has some: then requests need none.
	columns    []events.FeatureColumn
	hasColumns bool
	ids        []idRead // of the records of a batch that has some
	text       []byte   // of the outcomes of these requests
}

// idRead is what the id of a record says by itself.
type idRead struct {
	hash  uint64
	ok    bool // it is an id
	joins bool // it has outcomes, or several requests
	first uint32
}

func (v *requestsRead) next() *requestRead {
	if v.n == len(v.list) {
		v.list = append(v.list, requestRead{})
	}
	v.n++
	return &v.list[v.n-1]
}

// readRequests reads the log of requests and decides those of the pass. Those that may
// be several of one id are set aside.
func (j *join) readRequests(ctx context.Context, from Source) error {
	j.advance(events.KindRequest, true)
	spare := make(chan *requestsRead, inFlight(j.workers)) // what was consumed, for the next batches
	open := func(context.Context) (Source, error) { return from, nil }
	return each(ctx, j, open, func(w *worker, b *events.Batch) *requestsRead {
		made := &requestsRead{}
		select {
		case made = <-spare:
		default:
		}
		made.n, made.list, w.text = 0, slices.Grow(made.list, max(0, len(b.Messages)-len(made.list))), made.text[:0]
		made.takeColumns(j, b)
		made.takeIDs(j, b)
		visit := func(at events.Origin, data []byte, of *events.Decoded) { w.request(made, at, data, of) }
		for i := range b.Messages {
			if b.Records != nil {
				w.record(made, b, i)
				continue
			}
			w.pieces(events.KindRequest, &b.Messages[i], visit)
		}
		made.gather(len(b.Messages))
		made.text = w.text
		return made
	}, func(made *requestsRead) error {
		for i := range made.list[:made.n] {
			if err := j.countRequest(&made.list[i]); err != nil {
				return err
			}
		}
		if err := j.handOver(&made.rows); err != nil {
			return err
		}
		select {
		case spare <- made:
		default:
		}
		return nil
	})
}

// request reads one request, and decides it if no other can have its id.
func (w *worker) request(made *requestsRead, at events.Origin, data []byte, of *events.Decoded) {
	const k = events.KindRequest
	j := w.j
	if of != nil && of.Reject != nil {
		if j.first() {
			*made.next() = requestRead{at: at, letter: data, err: of.Reject, kind: requestRejected}
		}
		return
	}
	if !j.first() || j.o.Keep != nil {
		switch id, ok := w.idOf(k, data); {
		case !ok && !j.first(), ok && !j.keeps(id), ok && !j.first() && !j.mine(hashOf(id)):
			return
		}
	}
	v := made.next()
	v.at, v.data, v.err, v.failed, v.rows, v.bare = at, data, nil, false, nil, false
	v.letter = letterOf(data, of)
	clear(v.fates[:])
	text := unsafe.String(unsafe.SliceData(data), len(data)) // events do not change later
	unknown, err := w.parsers[k].RequestAndUnknown(text, &v.request)
	if err == nil {
		w.fields(k, unknown, of)
	}
	if v.unknown = unknown; of != nil {
		v.unknown += of.Unused
	}
	w.judge(v, xxhash.Sum64String(v.request.ID), err)
}

// judge says what a request that was read is, and decides it if no other can have its id.
func (w *worker) judge(v *requestRead, hash uint64, err error) {
	v.ts, v.hash = v.request.TS, hash
	_, several := w.j.apart.ids[v.hash]
	switch {
	case err != nil:
		v.kind, v.err = requestRejected, err
	case v.request.ID == "":
		v.kind = requestHeartbeat
	case !w.j.mine(v.hash):
		v.kind = requestElsewhere
	case several:
		v.kind = requestApart
	default:
		v.kind = requestRows
		w.decide(v)
	}
}

// record is request for one that did not come as JSON.
func (w *worker) record(made *requestsRead, b *events.Batch, i int) {
	j, d := w.j, &w.j.o.Decoders[events.KindRequest]
	at := events.Origin{Input: b.Messages[i].Input, Seq: b.Messages[i].Seq}
	id := &made.ids[i]
	if !id.ok || d.MaxBytes > 0 && d.MaxBytes < events.RecordBytes || d.MaxDepth > 0 && d.MaxDepth < events.RecordDepth {
		w.request(made, at, b.Records.JSON(i), nil)
		return
	}
	if !j.first() && !j.mine(id.hash) {
		return
	}
	if j.o.Keep != nil {
		if text, _ := b.Records.ID(i); !j.o.Keep(text) {
			return
		}
	}
	v, read := made.next(), b.Records.Request
	if v.bare, v.row = made.hasColumns && !id.joins, i; v.bare {
		read = b.Records.Head
	}
	unknown, ok := read(i, d.Unit, &v.request)
	if !ok {
		made.n--
		w.request(made, at, b.Records.JSON(i), nil)
		return
	}
	v.at, v.data, v.letter, v.err, v.failed, v.rows, v.unknown = at, nil, nil, nil, false, nil, unknown
	clear(v.fates[:])
	if unknown > 0 && j.first() {
		w.unknown[events.KindRequest].AddAll(unknown, b.Records.Unknown(i))
	}
	if w.judge(v, id.hash, nil); v.kind == requestApart {
		v.data = b.Records.JSON(i)
		v.letter = v.data
	}
}

// takeColumns takes the features of a batch a column at a time, where that is enough.
func (v *requestsRead) takeColumns(j *join, b *events.Batch) {
	if v.hasColumns = false; j.columns && b.Records != nil {
		v.columns, v.hasColumns = b.Records.Columns(v.columns)
	}
}

// takeIDs looks at the ids of the records of a batch. What is asked of one does not wait for what was asked of
// another, so that the processor fetches the memory for several at a time.
func (v *requestsRead) takeIDs(j *join, b *events.Batch) {
	v.ids = v.ids[:0]
	if b.Records == nil {
		return
	}
	for i := range b.Messages {
		id, ok := b.Records.ID(i)
		v.ids = append(v.ids, idRead{hash: hashOf(id), ok: ok})
	}
	t := j.outcomes
	for i := range v.ids {
		id := &v.ids[i]
		if id.joins = t.mayHave(id.hash); id.joins {
			id.first = t.starts[id.hash>>t.shift]
		}
	}
	for i := range v.ids {
		if id := &v.ids[i]; id.joins {
			id.joins = len(t.from(id.hash, id.first)) > 0
		}
	}
	if len(j.apart.ids) > 0 {
		for i := range v.ids {
			_, several := j.apart.ids[v.ids[i].hash]
			v.ids[i].joins = v.ids[i].joins || several
		}
	}
}

// columnsSuffice reports whether the features of requests are only written. What looks at them looks at an outcome
// too, but for labels of labels. If not all rows of a batch are of this pass, little is left of a column.
func (j *join) columnsSuffice() bool {
	ofLabels := slices.ContainsFunc(j.o.Rules.Labels, func(l joiner.Label) bool { return l.Of != nil })
	return j.o.Columns && !ofLabels && j.passes == 1 && j.o.Keep == nil
}

// decide decides a request that is the only one of its id.
func (w *worker) decide(v *requestRead) {
	j := w.j
	var outcomes []holding
	if !v.bare { // else it has none
		var err error
		if outcomes, err = w.outcomesOf(v.hash, v.request.ID); err != nil {
			v.err, v.failed = err, true
			return
		}
	}
	keys := []joiner.RequestKey{{TS: v.request.TS, ID: v.request.ID}}
	v.decision.Begin(j.o.Rules, &v.request)
	for i := range outcomes {
		if j.o.Rules.OfOutcome(keys, outcomes[i].outcome.TS) < 0 {
			continue // it stays for orphans
		}
		if fate := v.decision.Add(&outcomes[i].outcome); !outcomes[i].entry.booked() {
			v.fates[fate]++
		}
		j.outcomes.leave(outcomes[i].entry)
	}
	v.rows = v.decision.RowsReuse(j.known, joiner.ReasonClosed)
}

// outcomesOf decodes the outcomes of an id, in joiner.Order.
func (w *worker) outcomesOf(hash uint64, id string) ([]holding, error) {
	w.stored = w.stored[:0]
	entries := w.j.outcomes.of(hash)
	for i := range entries {
		if entries[i].gone() {
			continue
		}
		from := len(w.text)
		var at events.Origin
		w.text, at = w.j.outcomes.data(&entries[i], w.text)
		data := w.text[from:len(w.text):len(w.text)]
		w.stored = append(w.stored, holding{data: data, at: at, entry: &entries[i]})
		h := &w.stored[len(w.stored)-1]
		var err error
		if h.outcome, err = w.parsers[events.KindOutcome].StoredView(data); err != nil {
			return nil, joiner.Undecodable("outcome", at, err)
		}
		if h.outcome.RequestID != id { // it has the same hash
			w.stored = w.stored[:len(w.stored)-1]
			continue
		}
		w.match(&h.outcome)
	}
	w.order()
	return w.stored, nil
}

// order brings the outcomes of an id into joiner.Order. They have hashes only where those
// tell anything: few outcomes are alike but for them.
func (w *worker) order() {
	byOrder := func(a, b holding) int { return joiner.Order(&a.outcome, &b.outcome) }
	sort := func() {
		if !slices.IsSortedFunc(w.stored, byOrder) {
			slices.SortStableFunc(w.stored, byOrder)
		}
	}
	sort()
	alike := w.j.o.Rules.SameID == joiner.SameLast // then edits are told apart by their hashes
	for i := 1; i < len(w.stored) && !alike; i++ {
		a, b := &w.stored[i-1].outcome, &w.stored[i].outcome
		alike = a.TS == b.TS && a.ID == b.ID
	}
	if !alike {
		return
	}
	for i := range w.stored {
		w.stored[i].outcome.Hash = jsonevent.HashOfStored(w.stored[i].data)
	}
	sort()
}

// countRequest counts a request.
func (j *join) countRequest(v *requestRead) error {
	const k = events.KindRequest
	if v.failed {
		return v.err
	}
	if j.first() {
		if v.kind != requestHeartbeat {
			j.tally(k).Read++
		}
		if v.kind == requestRejected {
			return j.rejectError(k, v.at, v.letter, v.err)
		}
		j.result.Ledger.UnknownFields += int64(v.unknown)
		j.observe(k, v.ts)
		if v.kind == requestHeartbeat {
			j.result.Ledger.Heartbeats++
			return nil
		}
		j.result.MaxEvent = max(j.result.MaxEvent, v.ts)
	}
	switch v.kind {
	case requestApart:
		j.apart.aside = append(j.apart.aside, setAside{hash: v.hash, at: v.at, data: bytes.Clone(v.data)})
		return nil
	case requestRows:
		fates := v.fates[:]
		if v.bare { // it has no outcomes
			fates = nil
		}
		j.book(&v.request, v.rows, &v.decision, fates)
	}
	return nil
}

// gather gathers the rows that are written, of a batch of so many messages.
func (v *requestsRead) gather(messages int) {
	whole := v.hasColumns && v.n == messages
	for i := range v.list[:v.n] {
		d := &v.list[i]
		if d.kind == requestRows {
			v.rows.List = appendWritten(v.rows.List, &d.request, d.rows)
		}
		whole = whole && len(v.rows.List) == i+1
	}
	if whole {
		v.rows.Attach(v.columns)
		return
	}
	for i := range v.list[:v.n] {
		if d := &v.list[i]; d.bare {
			d.request.Features = events.AppendFeatures(d.request.Features[:0], v.columns, d.row)
		}
	}
	v.rows.Gather()
}

// appendWritten appends the rows of a request that are not left out.
func appendWritten(list []joiner.Labeled, req *events.Request, rows []joiner.Row) []joiner.Labeled {
	for i := range rows {
		if rows[i].LeftOut == joiner.LeftOutNo {
			list = append(list, joiner.Labeled{Request: req, Row: &rows[i]})
		}
	}
	return list
}

// handOver hands the rows over that were decided.
func (j *join) handOver(rows *gathered.Rows) error {
	if len(rows.List) == 0 {
		return nil
	}
	defer rows.Begin()
	return j.sink.Rows(rows)
}

// book counts what became of a request, its outcomes, of which fates has how many had each, and its rows.
func (j *join) book(req *events.Request, rows []joiner.Row, d *joiner.Decision, fates []int64) {
	l := &j.result.Ledger
	l.Kinds[events.KindRequest].Disposed[joiner.DispositionAccepted]++
	for fate, n := range fates {
		l.Kinds[events.KindOutcome].Disposed[fate] += n
	}
	j.cover(req, rows, d)
	for i := range rows {
		switch rows[i].LeftOut {
		case joiner.LeftOutUnseen:
			l.Unseen++
		case joiner.LeftOutSampled:
			l.SampledOut++
		}
	}
}

// orderAside is by id, and within one by arrival.
func orderAside(a, b *setAside) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at.Seq, b.at.Seq), cmp.Compare(a.at.Index, b.at.Index))
}
