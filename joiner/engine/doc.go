// Package engine is the loop around the pure core: it reads the input logs,
// folds events into the state, lets time close requests and cuts commits. It
// owns the interfaces it needs (Source, Store, Output, Publisher).
//
// One goroutine, the one that calls Run, folds events and writes the state. A
// second one stages the commit that was cut last, from a stable view of the
// state; a third announces what has closed, from another; and one reads each
// source ahead. The two that write labels have requests decided ahead of them, by
// a goroutine that ends with the commit or the announcement.
//
// Invariants:
//
//   - Every event read is disposed of or pending, and the books say so with
//     the same batch that moved it.
//   - What is decided between batches, to cut, to finish or to forget, is decided
//     with an empty batch: it reads what was applied.
//   - What an event does depends on the events before it in its log and on the
//     watermark they made, never on how they were batched.
//   - A request with many outcomes is kept at hand between events (hot.go). It is
//     what the state and the batch hold of it, or it is let go.
//   - The rows of a commit are those that closed, were corrected or came late
//     since the commit before; a commit's manifest is created at most once.
package engine
