// Package export turns labeled rows into Parquet files and commits them
// exactly once.
//
// A commit is a set of files that readers see if, and only if, its manifest was
// created. FORMAT.md describes the files.
package export
