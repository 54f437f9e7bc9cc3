package events

import "hash/maphash"

// Parser decodes like a Decoder, faster, because it remembers what the events
// before looked like. One goroutine uses it.
type Parser struct {
	memory
	d         Decoder
	separator string
	maxDepth  int
	most      int
	page      *page
	slow      scanner
	serial    uint64

	building bool
	given    uint32
	unknown  int
	ts       Time
	score    float64
	value    float64
	attrs    span
	texts    [fields]quoted

	text      string
	req       *Request
	item      *Item
	fields    []Field
	used      int
	noItem    Item
	noReq     Request
	Fallbacks int
}

// quoted is where the inside of a string is.
type quoted struct {
	start, end int
	escaped    bool
}

// NewParser makes a Parser with the Decoder's options.
func (d *Decoder) NewParser() *Parser {
	p := &Parser{d: *d, separator: d.separator(), maxDepth: d.maxDepth(), most: min(pageMost, d.maxBytes()), page: new(page)}
	p.seed = maphash.MakeSeed()
	p.slow.maxDepth = p.maxDepth
	p.forget()
	return p
}

// ScanRequest is Decoder.ScanRequest.
func (p *Parser) ScanRequest(raw []byte) (Scan, error) {
	if len(raw) <= p.most {
		n := copy(p.page[:], raw)
		p.building, p.req, p.item = false, &p.noReq, &p.noItem
		if p.event(p.request, n) {
			if id := p.texts[fieldRequestID]; id.escaped {
				return Scan{ID: p.bytes(id), TS: p.ts, Unknown: p.unknown}, nil
			} else {
				return Scan{ID: raw[id.start:id.end], TS: p.ts, Unknown: p.unknown}, nil
			}
		}
	}
	p.Fallbacks++
	return p.d.ScanRequest(raw)
}

// Request is Decoder.DecodeRequest.
func (p *Parser) Request(text string, req *Request) error {
	if len(text) <= p.most {
		n := copy(p.page[:], text)
		p.building, p.req, p.item = true, req, &p.noItem
		p.text = text
		req.HasScore = false
		if p.event(p.request, n) {
			req.ID = p.textOf(fieldRequestID)
			req.TS = p.ts
			req.Model = p.textOf(fieldModel)
			req.ModelVersion = p.textOf(fieldModelVersion)
			req.UserID = p.textOf(fieldUserID)
			req.Score, req.HasScore = 0, false
			if p.given>>fieldScore&1 == 1 {
				req.Score, req.HasScore = p.score, true
			}
			return nil
		}
	}
	p.Fallbacks++
	var err error
	*req, err = p.d.DecodeRequest([]byte(text))
	return err
}

// event reads the event of n bytes that is on the page.
func (p *Parser) event(at *place, n int) bool {
	clear(p.page[n : n+pageSlack])
	p.slow.data = p.page[:n]
	p.given, p.unknown = 0, 0
	i := p.page.space(0)
	if p.page.at(i) != '{' {
		return false
	}
	i = p.object(at, i, 1)
	if i < 0 || p.page.space(i) != n {
		return false
	}
	const need = 1<<fieldRequestID | 1<<fieldTS
	id := p.texts[fieldRequestID]
	return p.given&need == need && id.end > id.start && id.end-id.start <= MaxID
}
