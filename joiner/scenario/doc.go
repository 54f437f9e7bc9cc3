// Package scenario runs unit tests of label configurations: events in order of
// arrival, and what must come of them. The events go through the real engine
// and the real store, over memory. TESTS.md describes the files.
package scenario

import _ "embed" // for the page

//go:embed TESTS.md
var notationPage string

// Page is the page, in Markdown, that describes how tests are written.
func Page() string { return notationPage }
