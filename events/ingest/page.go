package ingest

import _ "embed" // for the page

// page is the page for producers.
//
//go:embed HTTP.md
var page string

// Page is the page for producers, in Markdown.
func Page() string { return page }
