// Package lint holds the tests that keep the repository's house rules: which package may import which, how long a
// file is, where a clock may be read, that documents and their links are right, and which words are used. It has no
// code of its own.
package lint
