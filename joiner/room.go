package joiner

import (
	"fmt"
	"strings"
)

// maxVotesAndPairs bounds how many votes and pairs that are not closed a decision holds in all its rows
// and labels. An outcome without an item is one in each row, so that their number is bounded by
// nothing else.
const maxVotesAndPairs = 1_000_000

var errTooManyVotes = fmt.Errorf("its request has %d votes and open pairs already, in all its rows: name the item in the "+
	"outcomes, or list fewer items in a request", maxVotesAndPairs)

// makeRoom makes room for one more vote or open pair, and reports whether there is some. Outcomes come
// in Order, so which of them find room depends on the events alone.
func (d *Decision) makeRoom() bool {
	if d.votesAndPairs >= maxVotesAndPairs {
		return false
	}
	d.votesAndPairs++
	return true
}

// own copies a text of an outcome, which may be of memory that is used again: once for all rows
// of the outcome.
func (d *Decision) own(text string) string {
	if d.name != text {
		d.name = strings.Clone(text)
	}
	return d.name
}
