package jsonevent

import (
	"crypto/sha256"

	"github.com/labeljoin/labeljoin/events"
)

// Outcome does what Decoder.DecodeOutcome does. All strings of the result are
// parts of one copy of the event.
func (p *Parser) Outcome(raw []byte) (events.Outcome, Info, error) {
	if len(raw) <= p.most {
		copy(p.page[:], raw)
		if p.event(inOutcome, len(raw)) && p.isOutcome() {
			if ts, ok := p.time(); ok {
				return p.outcomeOf(raw, ts), Info{Unknown: p.unknown}, nil
			}
		}
	}
	p.fallbacks++
	p.names.reset()
	return p.d.decodeOutcome(raw, &p.names)
}

// ScanOutcome finds whose outcome it is, and when, without making it: it accepts and rejects
// what Outcome does. The id may be a part of raw.
func (p *Parser) ScanOutcome(raw []byte) (id []byte, ts events.Time, info Info, err error) {
	if len(raw) <= p.most {
		copy(p.page[:], raw)
		if p.event(inOutcome, len(raw)) && p.isOutcome() {
			if ts, ok := p.time(); ok {
				if p.given>>fieldRequestID&1 == 0 {
					return nil, ts, Info{Unknown: p.unknown}, nil
				}
				return p.idIn(raw), ts, Info{Unknown: p.unknown}, nil
			}
		}
	}
	o, info, err := p.Outcome(raw)
	return []byte(o.RequestID), o.TS, info, err
}

// isOutcome checks what only an outcome has.
func (p *Parser) isOutcome() bool {
	given := func(f field) bool { return p.given>>f&1 == 1 }
	return given(fieldType) && len(p.inner(fieldType)) > 0 &&
		(!given(fieldOutcomeID) || len(p.inner(fieldOutcomeID)) <= events.MaxID) &&
		(!given(fieldItemID) || p.isID(fieldItemID))
}

func (p *Parser) outcomeOf(raw []byte, ts events.Time) events.Outcome {
	p.text = string(raw)
	out := events.Outcome{
		RequestID: p.textOf(fieldRequestID),
		ID:        p.textOf(fieldOutcomeID),
		Type:      p.textOf(fieldType),
		TS:        ts,
		ItemID:    p.textOf(fieldItemID),
		Hash:      sha256.Sum256(raw),
	}
	out.Value, out.HasValue = p.floatOf(fieldValue)
	if p.given>>fieldAttrs&1 == 1 {
		b := builder{text: p.text}
		out.Attrs, _ = b.object(p.spans[fieldAttrs].start)
	}
	p.text = ""
	return out
}
