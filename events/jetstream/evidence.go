package jetstream

// The reasons for which silence of a log proves nothing: see EVIDENCE.md.
const (
	holdClockAhead  = "clock_ahead"  // no other clock bears the broker's out
	holdClockBehind = "clock_behind" // the broker's clock was set back
	holdLink        = "link"         // a mirror or source is not known to be current
	holdFull        = "full"         // the stream refuses new messages
	holdNoMatch     = "no_match"     // no message ever had the subject
	holdDeletions   = "deletions"    // too many deletions to tell which were unread
)

// HoldReasons lists the reasons that a source gives to Options.Hold.
func HoldReasons() []string {
	return []string{holdClockAhead, holdClockBehind, holdLink, holdFull, holdNoMatch, holdDeletions}
}
