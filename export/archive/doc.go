// Package archive writes events as Parquet that SQL engines join: each event as labeljoin
// understands it, with its times in nanoseconds and the hash of its bytes. It writes what
// is decoded, and decides nothing.
//
// ARCHIVE.md, beside this file, says which columns there are.
package archive
