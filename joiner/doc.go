// Package joiner decides labels: what an outcome means for a request, when a
// request closes, what its rows are. It is pure. It does no I/O, reads no
// clock, starts no goroutine and returns no error, because nothing in it can
// fail: time is an argument, and the same events under the same Rules give the
// same rows (SEMANTICS.md, beside this file, says exactly which).
//
// The caller's duties, in the order in which an event meets them:
//
//  1. Classify: Rules.Standing says, for a request's timestamp and the
//     watermark at the event's arrival, whether the request is open, closed or
//     forgotten. The watermark is the Clock's, moved after the event was
//     classified, never before.
//  2. Assemble: the pieces of a request (copies, conflicts) become one Request.
//  3. Decide: a Decision is fed the request's outcomes in Order, says of each
//     what became of it, and gives the rows.
//  4. Revise: what a late event changes is found by comparing the rows with
//     what had been written.
//
// Ledger and Progress are the books that the shell keeps of all this.
package joiner
