package joiner

import "github.com/labeljoin/labeljoin/events"

// Disposition is what became of an event. Each event read ends in exactly one.
type Disposition uint8

// The dispositions. The first that applies, in the order of SEMANTICS.md.
const (
	DispositionRejected Disposition = iota
	DispositionQuarantined
	DispositionErased
	DispositionDuplicate
	DispositionConflict // requests only, as are the next four
	DispositionMerged
	DispositionExpired
	DispositionLateRequest // written late_request
	DispositionAccepted
	DispositionUnknownItem // outcomes only, as are the next five
	DispositionOutsideWindow
	DispositionJoined
	DispositionCorrected // written corrected
	DispositionLate
	DispositionOrphan
	DispositionLost      // read, but gone from the log and the state before it was decided
	Dispositions    = 16 // how many there are
)

var dispositionNames = [Dispositions]string{
	"rejected", "quarantined", "erased", "duplicate",
	"conflict", "merged", "expired", "late_request", "accepted",
	"unknown_item", "outside_window", "joined", "corrected", "late", "orphan", "lost",
}

// String is the disposition's name in manifests, metrics and tests.
func (d Disposition) String() string { return dispositionNames[d] }

// Tally counts events of one kind.
type Tally struct {
	Read     int64               // events read, heartbeats not included
	Again    int64               // of these, read once more: a configuration rejected them, and the next one does not
	Pending  int64               // read and not yet disposed of
	Disposed [Dispositions]int64 // by disposition
}

// Balanced reports whether every event read is either disposed of or pending.
func (t *Tally) Balanced() bool {
	sum := t.Pending
	for _, n := range t.Disposed {
		sum += n
	}
	return t.Pending >= 0 && sum == t.Read
}

// Ledger is the books of a partition since its beginning: the events, which
// must balance at every commit (G4), and the rows.
type Ledger struct {
	Kinds         [events.Kinds]Tally
	Heartbeats    int64 // heartbeats read
	UnknownFields int64 // fields of events that nothing here knows
	Rows          int64 // rows written, all revisions
	Unseen        int64 // rows that the policy for negatives left out
	SampledOut    int64 // negative rows that sampling left out
	Unfit         int64 // feature values that did not fit their declared type
}

// Balanced reports whether the events of both kinds add up.
func (l *Ledger) Balanced() bool {
	return l.Kinds[events.KindRequest].Balanced() && l.Kinds[events.KindOutcome].Balanced()
}
