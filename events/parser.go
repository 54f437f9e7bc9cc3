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
	escaped  uint32
	unknown  int
	ts       Time
	spans    [fields + 1]span

	text      string
	req       *Request
	item      *Item
	fields    []Field
	used      int
	noItem    Item
	noReq     Request
	Fallbacks int
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
			id := p.spans[fieldRequestID]
			found := Scan{ID: raw[id.start+1 : id.end-1], TS: p.ts, Unknown: p.unknown}
			if p.escaped>>fieldRequestID&1 == 1 {
				found.ID = p.inner(fieldRequestID)
			}
			return found, nil
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
			req.Score, req.HasScore = p.floatOf(fieldScore)
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
	p.given, p.escaped, p.unknown = 0, 0, 0
	i := p.page.space(0)
	if p.page.at(i) != '{' {
		return false
	}
	i = p.object(at, i, 1)
	if i < 0 || p.page.space(i) != n {
		return false
	}
	const need = 1<<fieldRequestID | 1<<fieldTS
	if p.given&need != need {
		return false
	}
	id := p.spans[fieldRequestID]
	if n := id.end - id.start - 2; n == 0 || n > MaxID {
		return false
	}
	var ok bool
	p.ts, ok = p.time()
	return ok
}
