// Package joiner decides labels: what an event means for a request, when a request
// closes, what its rows are, and when a row is written again. It is pure. It does no
// I/O, reads no clock and starts no goroutine: time is an argument, and the same events
// under the same Rules give the same rows (SEMANTICS.md, beside this file, says exactly
// which).
//
// All that can happen to one request is a step of a Machine over its Entry, which is
// everything that is known of it. An event goes in, with how far time has come (Now);
// Effects come out: what became of the event, rows to write, labels to tell, and what
// of the entry is to be saved. The caller loads, steps, saves and emits:
//
//  1. Rules.Owner says which request of its id an event belongs to.
//  2. Machine.Alone answers for events that need nothing that is held; what it says is
//     what Step says of an entry of which nothing else is known.
//  3. Machine.Step takes in an event; Machine.Gap a declared gap; Machine.ReviseEarly
//     compares what was written early with the close; Machine.RestoreHistory makes a lost
//     history anew; Machine.Explain says how the labels came about.
//  4. A Decision folds outcomes in Order into rows; closing requests by the million
//     use it directly.
//
// Invariants:
//
//   - What a step does depends on the entry, the event and Now. It does not depend on
//     where a commit is cut, nor on what is in memory.
//   - The highest revision of a row is, whole, what a batch over all events says, as
//     far as they came within the correction horizon. RowState is what was written.
//   - Every event is disposed of once. Its disposition may be pending; a later step or
//     the close gives it.
//   - What labels need of an outcome is a Fact, whose size does not depend on the size
//     of the event, but for attributes that a label looks at together with the request.
//   - A label that looks at the request or the item is evaluated in a Decision, where
//     both are there: so it does not matter which came first.
//   - The only error is that an event of the state no longer decodes: it is damaged.
//
// Ledger and Progress are the books that the caller keeps of all this.
package joiner
