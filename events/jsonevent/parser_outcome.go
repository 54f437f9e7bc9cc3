package jsonevent

import (
	"crypto/sha256"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
)

// Outcome does what Decoder.DecodeOutcome does. All strings of the result are
// parts of one copy of the event.
func (p *Parser) Outcome(raw []byte) (events.Outcome, Info, error) {
	if ts, ok := p.readOutcome(raw); ok {
		o := p.outcomeOf(string(raw), ts)
		o.Hash = sha256.Sum256(raw)
		return o, Info{Unknown: p.unknown}, nil
	}
	return p.outcomeSlowly(raw)
}

// view is Outcome with strings that are parts of raw, and perhaps without the hash.
func (p *Parser) view(raw []byte) (events.Outcome, Info, error) {
	if ts, ok := p.readOutcome(raw); ok {
		return p.outcomeOf(unsafe.String(unsafe.SliceData(raw), len(raw)), ts), Info{Unknown: p.unknown}, nil
	}
	return p.outcomeSlowly(raw)
}

// readOutcome reads an outcome that is like most, up to its time.
func (p *Parser) readOutcome(raw []byte) (ts events.Time, ok bool) {
	if len(raw) > p.most {
		return 0, false
	}
	copy(p.page[:], raw)
	if !p.event(inOutcome, len(raw)) || !p.isOutcome() {
		return 0, false
	}
	return p.time()
}

func (p *Parser) outcomeSlowly(raw []byte) (events.Outcome, Info, error) {
	p.fallbacks++
	p.names.reset()
	return p.d.decodeOutcome(raw, &p.names)
}

// ScanOutcome finds whose outcome it is, and when, without making it: it accepts and rejects
// what Outcome does. The id may be a part of raw.
func (p *Parser) ScanOutcome(raw []byte) (id []byte, ts events.Time, info Info, err error) {
	if ts, ok := p.readOutcome(raw); ok {
		if p.given>>fieldRequestID&1 == 0 {
			return nil, ts, Info{Unknown: p.unknown}, nil
		}
		return p.idIn(raw), ts, Info{Unknown: p.unknown}, nil
	}
	o, info, err := p.outcomeSlowly(raw)
	return []byte(o.RequestID), o.TS, info, err
}

// isOutcome checks what only an outcome has.
func (p *Parser) isOutcome() bool {
	given := func(f field) bool { return p.given>>f&1 == 1 }
	return given(fieldType) && len(p.inner(fieldType)) > 0 &&
		(!given(fieldOutcomeID) || len(p.inner(fieldOutcomeID)) <= events.MaxID) &&
		(!given(fieldItemID) || p.isID(fieldItemID))
}

// outcomeOf makes the outcome on the page, of a text that stays, but for its hash.
func (p *Parser) outcomeOf(text string, ts events.Time) events.Outcome {
	p.text = text
	out := events.Outcome{
		RequestID: p.textOf(fieldRequestID),
		ID:        p.textOf(fieldOutcomeID),
		Type:      p.textOf(fieldType),
		TS:        ts,
		ItemID:    p.textOf(fieldItemID),
	}
	out.Value, out.HasValue = p.floatOf(fieldValue)
	if p.given>>fieldAttrs&1 == 1 {
		b := builder{text: p.text}
		out.Attrs, _ = b.object(p.spans[fieldAttrs].start)
	}
	p.text = ""
	return out
}
