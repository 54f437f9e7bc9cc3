// Package stats computes what is in rows: for every column, and in every slice
// of the rows, counts, valencies, moments, histograms, distinct values and the
// most frequent ones. It reads Parquet files, of labeljoin or of others, and
// answers with the messages that TensorFlow Data Validation writes.
//
// The figures are those of tfdv.generate_statistics, computed exactly instead
// of by sketches. They are a function of the set of rows: neither the order of
// rows nor their division into files changes a byte. STATISTICS.md has the
// rules.
package stats
