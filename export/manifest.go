package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// maxColumns bounds the columns that a manifest lists, of all its files together:
// names come from events, and a commit may have thousands of files of thousands of
// columns each. The files themselves have them all.
const maxColumns = 64 << 10

// manifestFormat is the version of the manifest's format.
const manifestFormat = 1

// manifest is one commit as it stands in _commits/. FORMAT.md explains the
// fields; every one is always there but the guard, the
// gaps, the dead letters and what is behind with the label stream.
type manifest struct {
	Format     int    `json:"format"`
	Name       string `json:"name"`
	Partition  int    `json:"partition"`
	Partitions int    `json:"partitions"`
	Number     uint64 `json:"number"`
	Nonce      string `json:"nonce"`
	RulesHash  string `json:"rules_hash"`
	Previous   string `json:"prev_manifest_sha256"` // empty in the first

	From          []position `json:"from"`
	To            []position `json:"to"`
	Clock         clock      `json:"clock"`
	ClosedThrough instant    `json:"closed_through"`
	Announced     *instant   `json:"announced_through,omitzero"` // nil: all that closed
	MaxEvent      instant    `json:"max_event"`
	Ledger        ledger     `json:"ledger"`
	Closed        ledger     `json:"closed"`
	Guard         *guard     `json:"guard,omitzero"`
	Gaps          []gap      `json:"gaps,omitzero"`

	Files       []file       `json:"files"`
	DeadLetters *deadLetters `json:"deadletters,omitzero"`
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
	Read     int64    `json:"read"`
	Pending  int64    `json:"pending"`
	Disposed disposed `json:"disposed"`
}

// disposed maps the names of dispositions to counts; those that are zero are
// left out.
type disposed map[string]int64

type file struct {
	Path         string   `json:"path"`
	Staging      string   `json:"staging"`
	Rows         int64    `json:"rows"`
	Bytes        int64    `json:"bytes"`
	SHA256       string   `json:"sha256"`
	RowsHash     string   `json:"rows_hash"`
	MinRequestTS instant  `json:"min_request_ts"`
	MaxRequestTS instant  `json:"max_request_ts"`
	MaxRevision  uint32   `json:"max_revision"`
	Early        int64    `json:"early"`
	Columns      []column `json:"columns,omitzero"` // left out beyond maxColumns
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type deadLetters struct {
	Path    string `json:"path"`
	Staging string `json:"staging"`
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

// encode renders the manifest's bytes, which its hash is over.
func (m *manifest) encode() ([]byte, error) {
	data, err := json.Marshal(m, json.Deterministic(true), jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	if err != nil {
		return nil, fmt.Errorf("encode the manifest of commit %d: %w", m.Number, err)
	}
	return append(data, '\n'), nil
}

// hashOf is the hash by which the next manifest and the receipt name one.
func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// setCut copies the cut into the manifest.
func (m *manifest) setCut(cut *joiner.Cut) {
	p := &cut.Progress
	m.Number, m.Nonce, m.RulesHash = cut.Number, cut.Nonce, cut.RulesHash
	m.From, m.To = toPositions(cut.From), toPositions(p.Inputs)
	m.Clock = clock{Request: sourceClockOf(&p.Clock, events.KindRequest), Outcome: sourceClockOf(&p.Clock, events.KindOutcome)}
	m.ClosedThrough, m.MaxEvent = instant(p.ClosedThrough), instant(cut.MaxEvent)
	m.Ledger, m.Closed = toLedger(&p.Ledger), toLedger(&cut.Closed)
	if p.Announced != p.ClosedThrough {
		m.Announced = new(instant(p.Announced))
	}
	m.Guard, m.Gaps = toGuard(&p.Guard), toGaps(p.Gaps)
}

// cut is what setCut was given. decodeManifest has checked that it can be.
func (m *manifest) cut() joiner.Cut {
	c := joiner.Cut{
		Number: m.Number, Nonce: m.Nonce, RulesHash: m.RulesHash, From: fromPositions(m.From),
		MaxEvent: events.Time(m.MaxEvent), Closed: fromLedger(&m.Closed),
		Progress: joiner.Progress{
			Commit: m.Number, Inputs: fromPositions(m.To),
			ClosedThrough: events.Time(m.ClosedThrough), Ledger: fromLedger(&m.Ledger),
			Guard: fromGuard(m.Guard), Gaps: fromGaps(m.Gaps),
		},
	}
	if c.Progress.Announced = c.Progress.ClosedThrough; m.Announced != nil {
		c.Progress.Announced = events.Time(*m.Announced)
	}
	for kind, source := range [events.Kinds]sourceClock{events.KindRequest: m.Clock.Request, events.KindOutcome: m.Clock.Outcome} {
		c.Progress.Clock.Seen[kind] = events.Time(source.Seen)
		c.Progress.Clock.Proven[kind] = events.Time(source.Proven)
	}
	return c
}

func sourceClockOf(c *joiner.Clock, k events.Kind) sourceClock {
	return sourceClock{Seen: instant(c.Seen[k]), Proven: instant(c.Proven[k])}
}

func toPositions(ps []joiner.Position) []position {
	out := make([]position, len(ps))
	for i, p := range ps {
		out[i] = position{Input: p.Input, Created: instant(p.Created), Next: p.Next, Skip: p.Skip}
		if m := p.Mark; m != (events.Mark{}) {
			out[i].Mark = mark{Seq: m.Seq, Stored: instant(m.Stored), Bytes: m.Bytes, Sum: m.Sum}
		}
	}
	return out
}

func fromPositions(ps []position) []joiner.Position {
	if len(ps) == 0 {
		return nil
	}
	out := make([]joiner.Position, len(ps))
	for i, p := range ps {
		out[i] = joiner.Position{Input: p.Input, Created: events.Time(p.Created), Next: p.Next, Skip: p.Skip}
		if m := p.Mark; m != (mark{}) {
			out[i].Mark = events.Mark{Seq: m.Seq, Stored: events.Time(m.Stored), Bytes: m.Bytes, Sum: m.Sum}
		}
	}
	return out
}

func toLedger(l *joiner.Ledger) ledger {
	return ledger{
		Request: toTally(&l.Kinds[events.KindRequest]), Outcome: toTally(&l.Kinds[events.KindOutcome]),
		Heartbeats: l.Heartbeats, UnknownFields: l.UnknownFields,
		Rows: l.Rows, Unseen: l.Unseen, SampledOut: l.SampledOut, Unfit: l.Unfit,
	}
}

func fromLedger(l *ledger) joiner.Ledger {
	out := joiner.Ledger{
		Heartbeats: l.Heartbeats, UnknownFields: l.UnknownFields,
		Rows: l.Rows, Unseen: l.Unseen, SampledOut: l.SampledOut, Unfit: l.Unfit,
	}
	out.Kinds[events.KindRequest] = fromTally(&l.Request)
	out.Kinds[events.KindOutcome] = fromTally(&l.Outcome)
	return out
}

func toTally(t *joiner.Tally) tally {
	out := tally{Read: t.Read, Pending: t.Pending, Disposed: disposed{}}
	for d := range joiner.Disposition(joiner.Dispositions) {
		if n := t.Disposed[d]; n != 0 {
			out.Disposed[d.String()] = n
		}
	}
	return out
}

func fromTally(t *tally) joiner.Tally {
	out := joiner.Tally{Read: t.Read, Pending: t.Pending}
	for d := range joiner.Disposition(joiner.Dispositions) {
		out.Disposed[d] = t.Disposed[d.String()]
	}
	return out
}
