package tablelog

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// MaxColumns bounds the columns that a manifest lists, of all its files together:
// names come from events, and a commit may have thousands of files of thousands of
// columns each. The files themselves have them all.
const MaxColumns = 64 << 10

// The versions of the manifest's format. All are read.
const (
	formatOne = 1
	formatTwo = 2
	// formatThree has a schema in appends, and in checkpoints.
	formatThree = 3
	// Format is the newest version. It is written for a replace that brings columns; all
	// else is of version 2, or 3 where it has a schema.
	Format = 4
)

// formatOf is the version that is written for so many columns of the schema.
func formatOf(columns int) int {
	if columns > 0 {
		return formatThree
	}
	return formatTwo
}

// manifest is one operation as it stands in _commits/. FORMAT.md explains the
// fields.
type manifest struct {
	Format     int    `json:"format"`
	Name       string `json:"name"`
	Partition  int    `json:"partition"`
	Partitions int    `json:"partitions"`
	Number     uint64 `json:"number"`
	Operation  string `json:"operation,omitzero"` // absent in format 1: append
	Nonce      string `json:"nonce"`
	Previous   string `json:"prev_manifest_sha256"` // empty in the first

	Append *commit `json:",embed"` // nil in an operation that is no append

	Cause       string         `json:"cause,omitzero"`
	Begins      uint64         `json:"begins,omitzero"`
	Files       []file         `json:"files"`
	Removed     []string       `json:"removed,omitzero"`
	DeadLetters *deadLetters   `json:"deadletters,omitzero"`
	Schema      []SchemaColumn `json:"schema,omitzero"`
	Summary     *Summary       `json:"summary,omitzero"` // absent in format 1
	Statistics  jsontext.Value `json:"statistics,omitzero"`
	Table       *TableRef      `json:"table,omitzero"`
}

// commit is what an append has besides. Every field is always there but the guard,
// the gaps, and what is behind with the label stream.
type commit struct {
	Commit        uint64      `json:"commit,omitzero"` // absent in format 1: number
	RulesHash     string      `json:"rules_hash"`
	From          []position  `json:"from"`
	To            []position  `json:"to"`
	Clock         clock       `json:"clock"`
	ClosedThrough instant     `json:"closed_through"`
	Announced     *instant    `json:"announced_through,omitzero"` // nil: all that closed
	MaxEvent      instant     `json:"max_event"`
	Ledger        ledger      `json:"ledger"`
	Closed        ledger      `json:"closed"`
	Guard         *guardState `json:"guard,omitzero"`
	Gaps          []gap       `json:"gaps,omitzero"`
}

type position struct {
	Input   string  `json:"input"`
	Created instant `json:"created"`
	Next    uint64  `json:"next"`
	Skip    uint32  `json:"skip"`
	Mark    mark    `json:"mark,omitzero"`
}

type mark struct {
	Seq    uint64  `json:"seq"`
	Stored instant `json:"stored"`
	Bytes  int     `json:"bytes"`
	Sum    uint32  `json:"crc32c"`
}

// clock and the ledger have one field per kind of event.
type clock struct {
	Request sourceClock `json:"request"`
	Outcome sourceClock `json:"outcome"`
	// Sources are listed as soon as some kind has several.
	Sources []namedClock `json:"sources,omitzero"`
}

// namedClock is one source: by the kinds of events that it may bring.
type namedClock struct {
	Name    string       `json:"name"`
	Request *sourceClock `json:"request,omitzero"`
	Outcome *sourceClock `json:"outcome,omitzero"`
}

type sourceClock struct {
	Seen   instant `json:"seen"`
	Proven instant `json:"proven"`
}

type ledger struct {
	Request       tally `json:"request"`
	Outcome       tally `json:"outcome"`
	Heartbeats    int64 `json:"heartbeats"`
	UnknownFields int64 `json:"unknown_fields"`
	Rows          int64 `json:"rows"`
	Unseen        int64 `json:"unseen"`
	SampledOut    int64 `json:"sampled_out"`
	Unfit         int64 `json:"unfit"`
}

type tally struct {
	Read      int64    `json:"read"`
	ReadAgain int64    `json:"read_again,omitempty"`
	Pending   int64    `json:"pending"`
	Disposed  disposed `json:"disposed"`
}

// disposed maps the names of dispositions to counts; those that are zero are
// left out.
type disposed map[string]int64

type file struct {
	Path         string   `json:"path"`
	Staging      string   `json:"staging,omitzero"` // absent where files have their final name at once
	Rows         int64    `json:"rows"`
	Bytes        int64    `json:"bytes"`
	SHA256       string   `json:"sha256"`
	RowsHash     string   `json:"rows_hash"`
	MinRequestTS instant  `json:"min_request_ts"`
	MaxRequestTS instant  `json:"max_request_ts"`
	MaxRevision  uint32   `json:"max_revision"`
	Early        int64    `json:"early"`
	Columns      []Column `json:"columns,omitzero"` // left out beyond MaxColumns
	// These are absent in an append, whose manifest says the same once.
	FirstCommit uint64 `json:"first_commit,omitzero"`
	LastCommit  uint64 `json:"last_commit,omitzero"`
	RulesHash   string `json:"rules_hash,omitzero"`
	// These are in a table checkpoint only.
	Operation uint64 `json:"operation,omitzero"`
	Schema    *int   `json:"schema,omitzero"` // in place of columns: which of the list's schemas
}

type deadLetters struct {
	Path    string `json:"path"`
	Staging string `json:"staging,omitzero"`
	Lines   int64  `json:"lines"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// instant is a time as events.Time prints it, to the nanosecond.
type instant events.Time

// MarshalText implements encoding.TextMarshaler.
func (t instant) MarshalText() ([]byte, error) { return []byte(events.Time(t).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It takes only what
// MarshalText gives.
func (t *instant) UnmarshalText(text []byte) error {
	switch string(text) {
	case events.MinTime.String():
		*t = instant(events.MinTime)
		return nil
	case events.MaxTime.String():
		*t = instant(events.MaxTime)
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return err
	}
	exact := events.Time(parsed.UnixNano())
	if exact.String() != string(text) {
		return fmt.Errorf("time %q is not as labeljoin writes it", text)
	}
	*t = instant(exact)
	return nil
}
