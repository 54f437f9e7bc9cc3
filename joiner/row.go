package joiner

import "github.com/labeljoin/labeljoin/events"

// Cell is one label of one row.
type Cell struct {
	Null  bool        // unknown, or an aggregate of nothing
	Value float64     // AggAny and AggCount hold whole numbers
	TS    events.Time // event time of the outcome that decided it; MinTime if none
}

// Reason says how a row came to be.
type Reason uint8

// The reasons, as they stand in the reason column.
const (
	ReasonClosed      Reason = iota // its request closed
	ReasonEarly                     // every label was decided before the close
	ReasonCorrected                 // a late event changed what had been written
	ReasonLateRequest               // its request arrived after it should have closed
	ReasonGap                       // its window touches a declared gap in the log
	ReasonIncomplete                // the log ended before its window did
	ReasonWithdrawn                 // it was written, and by what is known now it should not be there
	ReasonPending                   // some of its labels are final, and its request has not closed
	Reasons           = 8           // how many there are
)

var reasonNames = [Reasons]string{"closed", "early", "corrected", "late_request", "gap", "incomplete", "withdrawn",
	"pending"}

// String is the reason as it is written.
func (r Reason) String() string { return reasonNames[r] }

// Labeled is a row with its request.
type Labeled struct {
	Request *events.Request
	Row     *Row
}

// Row is one labeled row, still without its request's columns.
type Row struct {
	Item  int    // index into the request's items, -1 for a row of the whole request
	Cells []Cell // one per label, in the rules' order
	// Extra are the values of the labels' columns, in the rules' order; nil if all are null.
	Extra    []events.Value
	Weight   float64
	Revision uint32
	Reason   Reason
	LeftOut  LeftOut
	// Stage is 0 if all labels are final, or else the number, from 1 on, of the stage at whose
	// end the row is written: see Rules.Stages.
	Stage uint16
}

// LeftOut says why a row is not written.
type LeftOut uint8

// The ways to be left out.
const (
	LeftOutNo      LeftOut = iota // it is written
	LeftOutUnseen                 // the policy for negatives left it out
	LeftOutSampled                // it is a negative that sampling left out
)

// Undecided is a cell of which nothing is known.
func Undecided() Cell { return Cell{Null: true, TS: events.MinTime} }
