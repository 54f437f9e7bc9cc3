// Package tally counts the values of columns by hour while rows are written: how many there are, the
// numbers by their size, the texts each. Counts of different rows add up in any order to the same
// bytes. They say less than the statistics of package stats, and take one look at a column in memory.
//
// Numbers are counted in bins that are the same for all rows: four of each power of two. Of the
// different texts of a column those are counted that have the smallest hashes, all of them where there
// are few: a text that is among these in the end is among them in every part, so its count is exact.
package tally
