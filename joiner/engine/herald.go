package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// herald makes the messages of the label stream.
type herald struct {
	name   string // of the joiner
	rules  *joiner.Rules
	mute   bool    // nobody is told
	labels []Label // to be published
}

// announcement is one message of the label stream: what is newly known of one
// row. SEMANTICS.md describes it.
type announcement struct {
	RequestID string            `json:"request_id"`
	RequestTS string            `json:"request_ts"`
	ItemID    string            `json:"item_id,omitempty"`
	Phase     string            `json:"phase"` // early, close or corrected
	Revision  uint32            `json:"revision"`
	Labels    map[string]*value `json:"labels"`
}

// value is one label: its value, null when unknown, and the time of the
// outcome that decided it.
type value struct {
	Value *float64 `json:"value"`
	TS    string   `json:"ts,omitempty"`
}

// The phases of an announcement.
const (
	phaseEarly     = "early"
	phaseClose     = "close"
	phaseCorrected = "corrected"
)

// positive reports whether a label is announced the moment it qualifies. Of
// the others the value is not known before the close.
func (h *herald) positive(label int, c joiner.Cell) bool {
	return h.rules.Labels[label].Agg == joiner.Any && !c.Null && c.Value == 1
}

// positives announces what is already positive of an open request, one
// message a label: the id is the same each time, so the broker and consumers
// drop what they have seen.
func (h *herald) positives(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		for j, c := range rows[i].Cells {
			if h.positive(j, c) {
				h.announce(req, &rows[i], phaseEarly, func(label int) bool { return label == j })
			}
		}
	}
}

// closed announces, of the rows of a request that closes, what was
// still undecided.
func (h *herald) closed(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		if rows[i].LeftOut == joiner.Kept {
			h.announce(req, &rows[i], phaseClose, func(label int) bool { return !h.positive(label, rows[i].Cells[label]) })
		}
	}
}

// late announces the rows of a request that closes as it comes, whole.
func (h *herald) late(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		if rows[i].LeftOut == joiner.Kept {
			h.announce(req, &rows[i], phaseClose, func(int) bool { return true })
		}
	}
}

// corrected announces rows that are written again, whole.
func (h *herald) corrected(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		h.announce(req, &rows[i], phaseCorrected, func(int) bool { return true })
	}
}

func (h *herald) announce(req *events.Request, row *joiner.Row, phase string, includes func(label int) bool) {
	if h.mute {
		return
	}
	a := announcement{
		RequestID: req.ID, RequestTS: req.TS.String(), Phase: phase, Revision: row.Revision,
		Labels: map[string]*value{},
	}
	if row.Item >= 0 {
		a.ItemID = req.Items[row.Item].ID
	}
	for j, c := range row.Cells {
		if !includes(j) {
			continue
		}
		v := &value{}
		if !c.Null {
			v.Value = &row.Cells[j].Value
		}
		if c.TS != events.MinTime {
			v.TS = c.TS.String()
		}
		a.Labels[h.rules.Labels[j].Name] = v
	}
	if len(a.Labels) == 0 {
		return
	}
	data, err := json.Marshal(&a)
	if err != nil {
		// Strings, finite numbers and times always encode; aggregates overflow
		// to infinity only from values that are absurd, and those say so.
		data = fmt.Appendf(nil, `{"request_id":%q,"error":%q}`, a.RequestID, err.Error())
	}
	h.labels = append(h.labels, Label{ID: h.messageID(data), Data: data})
}

// messageID is the same whenever the same thing is announced. What a crash
// makes come in another order may be announced anew with other contents: were
// its id the same, the broker would drop the new and keep the old.
func (h *herald) messageID(data []byte) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d:%s", len(h.name), h.name)
	sum.Write(data)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
