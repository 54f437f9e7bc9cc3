package jsonevent

import (
	"github.com/labeljoin/labeljoin/events"
)

// itemFields are those of an item, as bits.
const itemFields = 1<<fieldItemID | 1<<fieldItemPosition | 1<<fieldItemScore | 1<<fieldItemFeatures

// items reads the list of items that opens at i and is the depth-th of the
// objects and lists around it.
func (p *Parser) items(at *knownObject, i, depth int) int {
	if depth > p.maxDepth {
		return -1
	}
	b := p.page
	var list []events.Item // those of the request, as far as there is room
	if p.building {
		list = p.req.Items[:cap(p.req.Items)]
	}
	n, touched := 0, 0
	ids := p.fallback.keys.open()
	for i = b.space(i + 1); b.at(i) != ']' || touched > 0; {
		if p.building {
			if n == len(list) {
				list = append(list, events.Item{})
				list = list[:cap(list)]
			}
			p.item = &list[n]
		}
		touched = max(touched, n+1)
		if i = p.oneItem(at, i, depth+1); i < 0 {
			return -1
		}
		if p.building && p.fallback.keys.add(&ids, p.inner(fieldItemID)) {
			n++ // else the next takes its place: it is listed already
		}
		i = b.space(i)
		if b.at(i) != ',' {
			break
		}
		i = b.space(i + 1)
	}
	if b.at(i) != ']' {
		return -1
	}
	p.fallback.keys.close(&ids)
	if p.building {
		p.req.Items = withoutItems(list[:max(touched, len(p.req.Items))], n)
	}
	return i + 1
}

// oneItem reads an item.
func (p *Parser) oneItem(at *knownObject, i, depth int) int {
	if p.page.at(i) != '{' {
		return -1
	}
	p.given &^= itemFields
	p.escaped &^= itemFields
	end := p.object(at, i, depth)
	if end < 0 || p.given>>fieldItemID&1 == 0 || !p.isID(fieldItemID) {
		return -1
	}
	item, positioned := p.item, p.given>>fieldItemPosition&1 == 1
	item.Position, item.HasPosition = 0, positioned
	if positioned {
		var ok bool
		if item.Position, ok = p.wholeOf(fieldItemPosition); !ok {
			return -1
		}
	}
	if p.building {
		item.ID = p.textOf(fieldItemID)
		item.Score, item.HasScore = p.floatOf(fieldItemScore)
		if p.given>>fieldItemFeatures&1 == 0 {
			item.Features = emptied(item.Features)
		}
	}
	return end
}

// withoutItems is the first n items of a list. Of the others nothing is kept
// but room for their features.
func withoutItems(list []events.Item, n int) []events.Item {
	for i := n; i < len(list); i++ {
		list[i] = events.Item{Features: emptied(list[i].Features)}
	}
	return list[:n]
}
