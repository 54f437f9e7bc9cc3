// Package tablelog is the log of operations on the table of rows: its manifests, the
// one reader of their chain, and the state of the table that they add up to.
//
// The invariants, which FORMAT.md explains:
//
//   - An operation is a manifest. Its number is one more than that of the operation
//     before, whose hash it has. It exists as a whole or not at all.
//   - The table is a set of files. It is a function of the chain alone: an append adds
//     files, a replace removes files and adds others that stand for them, a delete
//     removes files. A file that was removed never comes back.
//   - Only an append has a checkpoint of the joiner. The joiner's commits are numbered
//     by themselves, without holes, whatever other operations stand between them.
//   - A table checkpoint is the state of the table before the operation that names it.
//     Reading it and the operations from there on gives what reading the whole chain gives.
//   - Operations before the log's beginning are not read. Their sum is in a checkpoint.
package tablelog
