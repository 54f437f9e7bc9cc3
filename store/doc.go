// Package store keeps the join's state in Pebble: requests, outcomes and what
// is remembered of them, under time-ordered keys. FORMAT.md, beside this file,
// describes every key and value.
//
// The state is a cache of the log. Batches are written without waiting for the
// disk and synced once per output commit; what a power failure takes is read
// from the log again. An event is written once, as it was read, and blindly:
// "is this id known, and where?" is answered by an index in memory, which is
// rebuilt on opening. Requests are written dozens at a time, in groups that came
// together and lie close together in time. Nothing is written when one closes,
// because closing is a bound that moves, and nothing is deleted one by one,
// because what is forgotten is a range.
package store
