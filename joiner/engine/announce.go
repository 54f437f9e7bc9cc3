package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

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
func (e *Engine) positive(label int, c joiner.Cell) bool {
	return e.rules.Labels[label].Agg == joiner.Any && !c.Null && c.Value == 1
}

// announcePositives announces what is already positive of an open request, one
// message a label: the id is the same each time, so the broker and consumers
// drop what they have seen.
func (e *Engine) announcePositives(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		for j, c := range rows[i].Cells {
			if e.positive(j, c) {
				e.announce(req, &rows[i], phaseEarly, func(label int) bool { return label == j })
			}
		}
	}
}

// announceClose announces, of the rows of a request that closes, what was
// still undecided.
func (e *Engine) announceClose(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		if rows[i].LeftOut == joiner.Kept {
			e.announce(req, &rows[i], phaseClose, func(label int) bool { return !e.positive(label, rows[i].Cells[label]) })
		}
	}
}

// announceLate announces the rows of a request that closes as it comes, whole.
func (e *Engine) announceLate(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		if rows[i].LeftOut == joiner.Kept {
			e.announce(req, &rows[i], phaseClose, func(int) bool { return true })
		}
	}
}

// announceCorrection announces rows that are written again, whole.
func (e *Engine) announceCorrection(req *events.Request, rows []joiner.Row) {
	for i := range rows {
		e.announce(req, &rows[i], phaseCorrected, func(int) bool { return true })
	}
}

func (e *Engine) announce(req *events.Request, row *joiner.Row, phase string, includes func(label int) bool) {
	if e.o.Publisher == nil || e.quiet {
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
		a.Labels[e.rules.Labels[j].Name] = v
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
	e.labels = append(e.labels, Label{ID: e.messageID(data), Data: data})
}

// messageID is the same whenever the same thing is announced. What a crash
// makes come in another order may be announced anew with other contents: were
// its id the same, the broker would drop the new and keep the old.
func (e *Engine) messageID(data []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(e.o.Name), e.o.Name)
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// publish sends what the batch has to announce.
func (e *Engine) publish(ctx context.Context) error {
	if len(e.labels) == 0 {
		return nil
	}
	if err := e.o.Publisher.Publish(ctx, e.labels); err != nil {
		return fmt.Errorf("publishing labels: %w", err)
	}
	e.labels = e.labels[:0]
	return nil
}

// announceClosed announces what has closed since it last did. It reads the
// applied state, so the batch must be applied before.
func (e *Engine) announceClosed(ctx context.Context) error {
	to := e.saved.Progress.ClosedThrough
	if e.o.Publisher == nil || e.quiet || to <= e.saved.Announced {
		e.saved.Announced = max(e.saved.Announced, to) // a label stream begins when it is configured
		return nil
	}
	v := e.o.Store.View()
	for c, err := range v.Closing(e.saved.Announced, to) {
		if err == nil {
			err = e.announceClosing(c)
		}
		if err == nil && len(e.labels) >= maxBatch {
			err = e.publish(ctx)
		}
		if err != nil {
			v.Close()
			return err
		}
	}
	e.saved.Announced = to
	return v.Close()
}

func (e *Engine) announceClosing(c *Closing) error {
	req, d, _, err := decideClosing(e.rules, &e.o.Decoders, c)
	if err == nil {
		e.announceClose(&req, d.Rows(events.MaxTime, joiner.Closed))
	}
	return err
}
