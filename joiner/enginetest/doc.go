// Package enginetest holds a naive reference join, generated histories and the world in which joiners go through them;
// only tests import it.
//
// The reference is written from SEMANTICS.md and shares no code with the
// deciding parts of package joiner: it collects, sorts and loops where they
// fold, and has neither time nor order of arrival. Where the two disagree, one
// of them misreads the semantics.
package enginetest
