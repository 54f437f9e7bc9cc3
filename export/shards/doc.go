// Package shards exports days of labeled rows as training data: complete, settled,
// shuffled, split and versioned.
//
// A day's rows go through a scratch file, spread over buckets by the hash that
// orders them, so that memory is bounded whatever the day holds. EXPORT.md describes
// what is written and what a reader may rely on.
package shards
