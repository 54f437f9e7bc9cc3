package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// labelStream makes the messages of the label stream.
type labelStream struct {
	name     string // of the joiner
	rules    *joiner.Rules
	disabled bool           // nothing is told
	pending  []events.Label // to be published
	start    string         // of the engine: a random string
	// corrected is where in pending the newest correction of a row is.
	corrected map[joiner.RequestKey]int
	// Of closed requests of which something is to be published, these are the stamps.
	oldest, youngest events.Time
}

// labelMessage is one message of the label stream: what is newly known of one
// row. SEMANTICS.md describes it.
type labelMessage struct {
	RequestID string            `json:"request_id"`
	RequestTS string            `json:"request_ts"`
	ItemID    string            `json:"item_id,omitempty"`
	Phase     string            `json:"phase"` // early, close or corrected
	Revision  uint32            `json:"revision"`
	Labels    map[string]*value `json:"labels"`
}

// value is one label: its value, null when unknown, the time of the outcome that decided it, and
// whether it is provisional.
type value struct {
	Value *float64 `json:"value"`
	TS    string   `json:"ts,omitempty"`
	// Of a value that is provisional: the word, and up to how many seconds after the request
	// outcomes count in it, unless a gap hides it.
	Stage   string  `json:"stage,omitempty"`
	Elapsed float64 `json:"elapsed,omitempty"`
}

// add makes a message of what is known. If anew, it has an id of its own, so that the
// broker takes it though it was told before: other things may have been told since.
func (h *labelStream) add(t *joiner.LabelUpdate, anew bool) {
	if h.disabled {
		return
	}
	a := labelMessage{
		RequestID: t.RequestID, RequestTS: t.RequestTS.String(), ItemID: t.Item, Phase: t.Phase.String(), Revision: t.Revision,
		Labels: map[string]*value{},
	}
	if t.Labels == nil {
		for j := range t.Cells {
			a.Labels[h.rules.Labels[j].Name] = valueOf(&t.Cells[j])
		}
	}
	for _, j := range t.Labels {
		v := valueOf(&t.Cells[j])
		if h.rules.IsProvisional(j, t) {
			v.Stage = joiner.StageProvisional
			if h.rules.ElapsedIsKnown(j, t) {
				v.Elapsed = t.Window.Seconds()
			}
		}
		a.Labels[h.rules.Labels[j].Name] = v
	}
	if len(a.Labels) == 0 {
		return
	}
	data, err := json.Marshal(&a)
	if err != nil { // strings, finite numbers and times always encode
		data = fmt.Appendf(nil, `{"request_id":%q,"error":%q}`, a.RequestID, err.Error())
	}
	label := events.Label{ID: h.messageID(data, anew), Data: data}
	if t.Phase != joiner.UpdateCorrected {
		h.pending = append(h.pending, label)
		return
	}
	// The newest correction of a row takes the place of the one before: what is sent at
	// once may be stored in another order, if some of it has to be sent again.
	row := joiner.RequestKey{TS: t.RequestTS, ID: fmt.Sprintf("%d:%s%s", len(t.RequestID), t.RequestID, t.Item)}
	if at, ok := h.corrected[row]; ok {
		h.pending[at] = label
		return
	}
	if h.corrected == nil {
		h.corrected = map[joiner.RequestKey]int{}
	}
	h.corrected[row] = len(h.pending)
	h.pending = append(h.pending, label)
}

// addRange notes that something is to be published of a closed request.
func (h *labelStream) addRange(ts events.Time) {
	h.oldest, h.youngest = min(h.oldest, ts), max(h.youngest, ts)
}

// reset forgets what was to be published.
func (h *labelStream) reset() {
	h.pending = h.pending[:0]
	clear(h.corrected)
	h.oldest, h.youngest = events.MaxTime, events.MinTime
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
func (h *labelStream) messageID(data []byte, anew bool) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d:%s", len(h.name), h.name)
	sum.Write(data)
	if anew {
		sum.Write([]byte(h.start))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
