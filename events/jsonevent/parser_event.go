package jsonevent

import (
	"math"

	"github.com/labeljoin/labeljoin/events"
)

// event reads the event on the page, of n bytes, and checks the request's id. It is false
// if there is anything about it that is not as in most events: whether it is
// wrong is for the Decoder to say.
func (p *Parser) event(in shape, n int) bool {
	clear(p.page[n : n+pageSlack])
	p.fallback.data, p.fallback.syntax, p.fallback.content = p.page[:n], nil, nil
	p.fallback.keys.reset()
	p.openSets, p.openTransient, p.found.at = 0, 0, -1
	p.events++
	p.given, p.escaped, p.unknown = 0, 0, 0
	p.names.reset()
	if p.age++; p.full && p.age > memoryAge {
		p.forget()
	}
	at := p.request
	if in == inOutcome {
		at, p.building, p.item = p.outcome, false, nil
	}
	start := p.page.space(0)
	if p.page.at(start) != '{' {
		return false
	}
	end := p.object(at, start, 1)
	need := uint32(1<<fieldRequestID | 1<<fieldTS)
	if in == inOutcome && p.d.Unnamed && p.given&(1<<fieldRequestID|1<<fieldHeartbeat) == 0 {
		return end >= 0 && p.page.space(end) == n && p.given&(1<<fieldTS) != 0
	}
	return end >= 0 && p.page.space(end) == n && p.given&need == need && p.isID(fieldRequestID)
}

// isID reports whether a string is a good id. One with escapes is shorter than
// it looks, and may be too long only for this.
func (p *Parser) isID(f field) bool {
	at := p.spans[f]
	n := at.end - at.start - 2
	return n > 0 && n <= events.MaxID
}

// inner is what a string says.
func (p *Parser) inner(f field) []byte {
	at := p.spans[f]
	inner := p.page[at.start+1 : at.end-1]
	if p.escaped>>f&1 == 1 {
		return unescaped(inner)
	}
	return inner
}

// textOf is the same as a part of the text, empty if it is not given.
func (p *Parser) textOf(f field) string {
	if p.given>>f&1 == 0 {
		return ""
	}
	at := p.spans[f]
	if p.escaped>>f&1 == 1 {
		return p.unescaped(at.start+1, at.end-1)
	}
	return p.text[at.start+1 : at.end-1]
}

// floatOf is a number, if it is given.
func (p *Parser) floatOf(f field) (float64, bool) {
	if p.given>>f&1 == 0 {
		return 0, false
	}
	at := p.spans[f]
	if n, end := p.page.numeral(p.page.word(at.start), at.start); end >= 0 {
		return n.float(), true
	}
	return float(string(p.page[at.start:at.end])), true
}

// wholeOf is a number that is given, if it is a whole one.
func (p *Parser) wholeOf(f field) (int64, bool) {
	at := p.spans[f]
	if n, end := p.page.numeral(p.page.word(at.start), at.start); end >= 0 {
		if whole, ok := n.int(); ok {
			return whole, true
		}
	}
	return integral(p.page[at.start:at.end])
}

// time is the event's time.
func (p *Parser) time() (events.Time, bool) {
	if p.page.at(p.spans[fieldTS].start) == '"' {
		return events.ParseRFC3339(p.inner(fieldTS))
	}
	n, ok := p.wholeOf(fieldTS)
	switch {
	case !ok:
		return 0, false
	case n < math.MaxInt64/p.scale && n > -math.MaxInt64/p.scale:
		return events.Time(n * p.scale), true
	}
	return p.d.Unit.Time(n)
}
