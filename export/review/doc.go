// Package review looks at the rows of a day of an output: what is in them, whether that is what
// should be in them, and how they compare with the days before. It brings together statistics,
// schema, health of the labels and the page about a day.
//
// The rows of a day are the live files of the table, as the log of operations has them: merged or
// not, published or about to be. A command, an export and a page about a day say the same of it.
package review
