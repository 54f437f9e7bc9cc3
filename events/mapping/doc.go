// Package mapping makes events of records of any shape, by expressions over the decoded
// record: what MAPPING.md describes. It is pure: no I/O and no clock, and the same record
// gives the same bytes. The formats that records are read from belong here too, as far
// as one message holds them; files are read by package formats.
package mapping

import _ "embed" // for the page

//go:embed MAPPING.md
var page string

// Page is the page, in Markdown, that describes mappings.
func Page() string { return page }
