package joiner

import "slices"

// counting are the outcomes of a row, or with the row -1 those of no item, which concern all rows, that
// count for a label, or with labelSeen are impressions, in Order. What a label looks at in a row is
// not looked at where they concern several.
type counting struct {
	opens []*Fact // for a label of pairs
	these []*Fact // of a label of pairs, those that close one
	ends  []*Fact // they end the label's window
}

// labelSeen stands for a label where impressions are listed.
const labelSeen = -1

// list is where outcomes are listed.
func (s *firsts) list(at RowLabel, key string) *counting {
	c := s.lists[pairKey{at, key}]
	if c == nil {
		c = &counting{}
		s.lists[pairKey{at, key}] = c
	}
	return c
}

// firstOf is the first of two: of the outcomes of a row, and of those of all rows.
func (s *firsts) firstOf(at RowLabel, key string, pick func(*counting) *Fact) (first *Fact) {
	for _, row := range [...]int{at.Row, -1} {
		if c := s.lists[pairKey{RowLabel{row, at.Label}, key}]; c != nil {
			first = earlier(first, pick(c))
		}
	}
	return first
}

func (c *counting) first() *Fact { return factAt(c.these, 0) }

// updatePairs lists an outcome of pairs, and the outcome that closes the first pair of its key, in
// each of the rows that it concerns. There is a pair as soon as an outcome that closes stands after
// one that opens, and the first such outcome closes the first pair.
func (s *firsts) updatePairs(at RowLabel, f *Fact, counts bool) {
	role := s.decision.roleOf(at.Label, &f.Outcome, f)
	var before []*Fact
	for row := range s.decision.rowsOf(at.Row) {
		before = append(before, s.firstPair(RowLabel{row, at.Label}, role.Key))
	}
	list := s.list(at, role.Key)
	list.opens = keepIf(list.opens, f, counts && role.Opens)
	list.these = keepIf(list.these, f, counts && role.Closes)
	if s.closings == nil {
		s.closings = map[RowLabel][]*Fact{}
	}
	for row := range s.decision.rowsOf(at.Row) {
		this := RowLabel{row, at.Label}
		now := s.firstPair(this, role.Key)
		if was := before[0]; was != now {
			s.closings[this] = keepIf(keepIf(s.closings[this], was, false), now, true)
		}
		before = before[1:]
	}
}

// firstPair is the outcome that closes the first pair of a key in a row.
func (s *firsts) firstPair(at RowLabel, key string) *Fact {
	open := s.firstOf(at, key, func(c *counting) *Fact { return factAt(c.opens, 0) })
	if open == nil {
		return nil
	}
	return s.firstOf(at, key, func(c *counting) *Fact { return factAt(c.these, after(c.these, &open.Outcome)) })
}

// keepIf has a fact in a list, which is in Order, if that is so. No fact is in none.
func keepIf(facts []*Fact, f *Fact, in bool) []*Fact {
	if f == nil {
		return facts
	}
	at, _ := slices.BinarySearchFunc(facts, f, orderFacts)
	switch has := at < len(facts) && facts[at] == f; {
	case in && !has:
		return slices.Insert(facts, at, f)
	case !in && has:
		return slices.Delete(facts, at, at+1)
	}
	return facts
}

// factAt is a fact of a list, or nil behind its end.
func factAt(facts []*Fact, i int) *Fact {
	if i < len(facts) {
		return facts[i]
	}
	return nil
}

// earlier is the one of two facts that comes first in Order; one that is nil is none.
func earlier(a, b *Fact) *Fact {
	if a == nil || b != nil && orderFacts(b, a) < 0 {
		return b
	}
	return a
}
