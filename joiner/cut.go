package joiner

import (
	"github.com/labeljoin/labeljoin/events"
)

// Cut is one commit in the making: the point of the logs it was cut at and
// what the books say there. From the cut on, the rows of the commit are fixed.
type Cut struct {
	Number    uint64            // k: 1 for the first commit of a partition
	Nonce     string            // tells this attempt from another owner's
	RulesHash string            // hash of the configuration that decided the rows
	From      []events.Position // where the commit before was cut
	MaxEvent  events.Time
	// Closed is what closing moved: dispositions decided by this commit,
	// already contained in Progress.Ledger.
	Closed Ledger
	// Progress is where the partition stands once the commit is done:
	// Progress.Commit == Number, and the ledger balances.
	Progress Progress
	// Orphans are those in Closed, and those booked since the commit before. They are in no books, and the
	// manifest has them only in the statistics.
	Orphans Orphans
}

// Receipt is what a committed cut leaves in the state: which manifest it was.
type Receipt struct {
	Number uint64 `json:"number"`
	Hash   string `json:"hash"` // SHA-256 of the manifest's bytes, hex; empty before the first
}

// Written is a row found in the committed files that a rebuilt state cannot
// derive from the log: one with a revision, or written before its close.
type Written struct {
	RequestID string
	RequestTS events.Time
	ItemID    string // empty for a row of the whole request
	Revision  uint32
	Early     bool // it was written before its request closed
	Pending   bool // it was written at the end of a stage: see Rules.Stages
	Withdrawn bool // its reason was Withdrawn
}
