// Package store keeps the join's state in Pebble: requests, outcomes and what
// is remembered of them, under time-ordered keys. FORMAT.md, beside this file,
// describes every key and value.
//
// The state is a cache of the log, and the log it is a cache of is also its
// write-ahead log: Pebble keeps none. A batch holds the positions up to which the
// logs were read, so whatever prefix of the batches the disk has is a state to go
// on from, and the rest is read again.
//
// Invariants:
//
//   - What survives a crash of any kind is a prefix of the batches that were
//     applied, each whole: Pebble never spreads a batch over memory tables, and
//     flushes them in the order in which they were filled.
//   - A cut is flushed before there is a manifest of it: View.Sync.
//   - The logs are not told that they may forget what was read. A caller who derives that
//     from a position must take one that was flushed.
//
// An event is written once, as it was read, and blindly:
// "is this id known, and where?" is answered by an index in memory, which is
// rebuilt on opening. Requests are written dozens at a time, in groups that came
// together and lie close together in time. Nothing is written when one closes,
// because closing is a bound that moves, and nothing is deleted one by one,
// because what is forgotten is a range.
package store
