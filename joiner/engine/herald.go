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

// tell makes a message of what is known.
func (h *herald) tell(t *joiner.Told) {
	if h.mute {
		return
	}
	a := announcement{
		RequestID: t.RequestID, RequestTS: t.RequestTS.String(), ItemID: t.Item, Phase: t.Phase.String(), Revision: t.Revision,
		Labels: map[string]*value{},
	}
	if t.Labels == nil {
		for j := range t.Cells {
			a.Labels[h.rules.Labels[j].Name] = valueOf(&t.Cells[j])
		}
	}
	for _, j := range t.Labels {
		a.Labels[h.rules.Labels[j].Name] = valueOf(&t.Cells[j])
	}
	if len(a.Labels) == 0 {
		return
	}
	data, err := json.Marshal(&a)
	if err != nil { // strings, finite numbers and times always encode
		data = fmt.Appendf(nil, `{"request_id":%q,"error":%q}`, a.RequestID, err.Error())
	}
	h.labels = append(h.labels, Label{ID: h.messageID(data), Data: data})
}

func valueOf(c *joiner.Cell) *value {
	v := &value{}
	if !c.Null {
		v.Value = &c.Value
	}
	if c.TS != events.MinTime {
		v.TS = c.TS.String()
	}
	return v
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
