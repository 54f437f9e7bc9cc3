package events

// Gap is a stretch of event time of which a person has said what became of its
// events. Labels whose windows touch a gap in the outcomes are not known.
//
// Invariant: it is taken in between two commits, and from then on is part of
// every manifest, so that a rebuild and a replay decide as live did.
type Gap struct {
	ID       uint64      // of the declaration, from 1
	From, To Time        // both included
	Kinds    [Kinds]bool // which sources it is about
	// Quiet says the opposite of the rest: nothing is missing, however few
	// outcomes there are. It moves no label, only the guard.
	Quiet bool
	// Since is the bound of what the declaration came too late for: requests
	// stamped before it keep the labels they have.
	Since Time
	// Until, unless 0, says that the gap was taken back, too late for some: requests
	// stamped before it keep the labels they have, and the gap holds for no others.
	Until Time
	// Removes, unless 0, says that this is no gap: it takes back the one of that number.
	// Kinds has none then.
	Removes uint64
	Note    string  // why, in the words of who declared it
	Log     *LogGap // the messages that are gone; nil if only the time is known
}

// Holds reports whether the gap may make labels unknown of requests stamped at a time.
func (g *Gap) Holds(request Time) bool {
	return g.Kinds[KindOutcome] && !g.Quiet && request >= g.Since && (g.Until == 0 || request < g.Until)
}

// InForce reports whether it is a gap, and not taken back.
func (g *Gap) InForce() bool { return g.Removes == 0 && g.Until == 0 }

// LogGap names messages of a log that are lost, by decision of a person to go on
// without them.
//
// Where the stream is the one that was read, and Next is beyond From, it is a
// stretch of which some messages are missing: those that are there are read. Else
// reading leaps from From to Next, in the stream that was created at Created.
type LogGap struct {
	Input   string // the stream
	Created Time   // when the stream was created that is read from now on
	From    uint64 // sequence of the first message that is gone
	Next    uint64 // sequence to go on from
	Anew    bool   // the stream is read from Next on as a new one, also where it is the one that was read
	// Decided, unless 0, says that messages are gone that had been read, and the
	// state that was made of them too: requests stamped before it were decided, and
	// what comes of them again is not known.
	Decided Time
}

// Leaps reports whether reading that stands at a position, of a stream that was
// created when there is says, is to go on elsewhere. A leap is made once: after it,
// another message is wanted.
func (g *LogGap) Leaps(p *Position, there Time) bool {
	return g.Input == p.Input && g.From == p.Next && g.Created == there &&
		(g.Anew || g.Created != p.Created || g.Next < p.Next)
}

// Leap moves a position that stands where the messages are gone.
func (g *LogGap) Leap(p *Position) {
	p.Created, p.Next, p.Skip, p.Mark = g.Created, g.Next, 0, Mark{}
}

// MayLack reports whether a message of a stream may be missing.
func (g *LogGap) MayLack(input string, created Time, seq uint64) bool {
	return !g.Anew && g.Input == input && g.Created == created && g.From <= seq && seq < g.Next
}
