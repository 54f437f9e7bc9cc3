package packed

import (
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/labeljoin/labeljoin/events"
)

// plan says which fields make which parts of a request. Fields that are not there are nil.
type plan struct {
	id, ts, model, version, user, score *Field
	features                            *Field
	items                               *Field
	itemID, position, itemScore         *Field
	itemFeatures                        *Field
	unknown                             []*Field // which nothing here knows
}

// make looks at the fields of a row.
func (p *plan) make(fields []Field) error {
	for i := range fields {
		f := &fields[i]
		var to **Field
		kinds := []Kind{KindText}
		switch f.Name {
		case "request_id":
			to = &p.id
		case "ts":
			to, kinds = &p.ts, []Kind{KindInt, KindTime}
		case "model":
			to = &p.model
		case "model_version":
			to = &p.version
		case "user_id":
			to = &p.user
		case "score":
			to, kinds = &p.score, []Kind{KindInt, KindDouble}
		case nameFeatures:
			to, kinds = &p.features, []Kind{KindGroup}
		case nameItems:
			to, kinds = &p.items, []Kind{KindList}
		case "heartbeat", "type", "outcome_id", "item_id", "value", "attrs", "position":
			return errShape
		default:
			p.unknown = append(p.unknown, f)
			continue
		}
		if !f.is(kinds) {
			return errShape
		}
		*to = f
	}
	if p.id == nil {
		return errShape
	}
	if p.items == nil {
		return nil
	}
	return p.makeItems(p.items.Fields[0].Fields)
}

// makeItems looks at the fields of an item.
func (p *plan) makeItems(fields []Field) error {
	for i := range fields {
		f := &fields[i]
		var to **Field
		var kinds []Kind
		switch f.Name {
		case "item_id":
			to, kinds = &p.itemID, []Kind{KindText}
		case "position":
			to, kinds = &p.position, []Kind{KindInt}
		case "score":
			to, kinds = &p.itemScore, []Kind{KindInt, KindDouble}
		case nameFeatures:
			to, kinds = &p.itemFeatures, []Kind{KindGroup}
		}
		if to == nil || !f.is(kinds) {
			return errShape
		}
		*to = f
	}
	if p.itemID == nil {
		return errShape
	}
	return nil
}

func (f *Field) is(kinds []Kind) bool {
	for _, k := range kinds {
		if f.Kind == k {
			return true
		}
	}
	return false
}

// Bounds of a row that is made a request here. What is larger is left to its JSON.
const (
	mostText  = 64 << 10
	mostItems = 1000
)

// ID implements events.Records.
func (b *Block) ID(row int) (id []byte, ok bool) {
	f := b.schema.plan.id
	if !b.there(f, row) {
		return nil, false
	}
	id = b.text(f, row)
	return id, len(id) > 0 && len(id) <= events.MaxID && b.isUTF8(f, id)
}

// Request implements events.Records.
func (b *Block) Request(row int, unit events.Unit, req *events.Request) (unknown int, ok bool) {
	if unknown, ok = b.head(row, unit, req); !ok {
		return 0, false
	}
	ok = b.fields(b.schema.plan.features, row, &req.Features) && b.items(row, req)
	return unknown, ok && b.used <= mostText
}

// Head implements events.Records.
func (b *Block) Head(row int, unit events.Unit, req *events.Request) (unknown int, ok bool) {
	req.Features, req.Items = req.Features[:0], req.Items[:0]
	unknown, ok = b.head(row, unit, req)
	return unknown, ok && b.used+b.featureText <= mostText
}

// head reads what is neither features nor items.
func (b *Block) head(row int, unit events.Unit, req *events.Request) (unknown int, ok bool) {
	p := &b.schema.plan
	if p.ts == nil || !b.there(p.ts, row) {
		return 0, false
	}
	id, ok := b.ID(row)
	if !ok {
		return 0, false
	}
	b.used = len(id)
	req.ID = view(id)
	if req.TS, ok = b.time(p.ts, row, unit); !ok {
		return 0, false
	}
	ok = b.optional(p.model, row, &req.Model) && b.optional(p.version, row, &req.ModelVersion) &&
		b.optional(p.user, row, &req.UserID)
	if req.Score, req.HasScore = b.number(p.score, row); !ok {
		return 0, false
	}
	for _, f := range p.unknown {
		if b.given(f, row) {
			unknown++
		}
		if f.Kind == KindText && b.there(f, row) {
			text := b.text(f, row)
			if b.used += len(text); !b.isUTF8(f, text) {
				return 0, false
			}
		}
	}
	return unknown, true
}

// given reports whether a row has a value of a field that JSON can hold.
func (b *Block) given(f *Field, row int) bool {
	return b.there(f, row) && !(f.Kind == KindDouble && !finite(b.double(f, row)))
}

// Unknown implements events.Records.
func (b *Block) Unknown(row int) (names []string) {
	for _, f := range b.schema.plan.unknown {
		if b.given(f, row) {
			names = append(names, f.Name)
		}
	}
	return names
}

// view is text as a string. The block does not change while the request is used.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

func finite(v float64) bool { return v-v == 0 }

// time is a time that is there.
func (b *Block) time(f *Field, row int, unit events.Unit) (events.Time, bool) {
	n := b.int(f, row)
	if f.Kind == KindInt {
		return unit.Time(n)
	}
	limit := math.MaxInt64 / f.Per
	return events.Time(n * f.Per), -limit < n && n < limit
}

// optional reads a text that may be missing.
func (b *Block) optional(f *Field, row int, to *string) bool {
	*to = ""
	if f == nil || !b.there(f, row) {
		return true
	}
	text := b.text(f, row)
	b.used += len(text)
	*to = view(text)
	return b.isUTF8(f, text)
}

// number reads a number that may be missing.
func (b *Block) number(f *Field, level int) (float64, bool) {
	if f == nil || !b.there(f, level) {
		return 0, false
	}
	if f.Kind == KindInt {
		return float64(b.int(f, level)), true
	}
	v := b.double(f, level)
	if !finite(v) {
		return 0, false
	}
	return v, true
}

// fields reads the features of a group, in the memory of others.
func (b *Block) fields(group *Field, level int, to *[]events.Field) bool {
	before, n, ok := *to, 0, true
	list := before[:0]
	if group != nil && b.there(group, level) {
		list = slices.Grow(list, len(group.Fields))[:len(group.Fields)]
		for i := range group.Fields {
			f := &group.Fields[i]
			l, index := &b.leaves[f.leaf], level
			if l.def != nil {
				if l.def[level] < f.Def {
					continue
				}
				index = int(l.at[level])
			}
			var found bool
			if found, ok = b.value(f.Kind, l, index, &list[n].Value); !ok {
				break
			}
			if found {
				list[n].Name = f.Name
				n++
			}
		}
	}
	if len(before) > n {
		clear(before[n:])
	}
	*to = list[:n]
	return ok
}

// value reads the value of a feature, if there is one. It is not ok if only the JSON says
// what it is.
func (b *Block) value(kind Kind, l *leaf, index int, v *events.Value) (found, ok bool) {
	switch kind {
	case KindInt:
		become(v, events.ValueInt)
		v.Int = int64(l.words[index])
	case KindBool:
		become(v, events.ValueBool)
		v.Int = int64(l.words[index] & 1)
	case KindDouble:
		x := math.Float64frombits(l.words[index])
		if !finite(x) {
			return false, true
		}
		become(v, events.ValueDouble)
		v.Float = x
	case KindText:
		become(v, events.ValueString)
		text := l.textAt(index)
		b.used += len(text)
		v.Str = view(text)
		return true, l.ascii || utf8.Valid(text)
	default:
		return false, false // a time is a text there
	}
	return true, true
}

// become makes a value, which may be used again, one of a kind.
func become(v *events.Value, kind events.ValueKind) {
	if v.Kind != kind {
		*v = events.Value{Kind: kind}
	}
}

// items reads the items of a row, in the memory of others.
func (b *Block) items(row int, req *events.Request) bool {
	p := &b.schema.plan
	before := req.Items
	list := before[:0]
	first, end := b.elements(p.items, row)
	if end-first > mostItems {
		return false
	}
	ok := true
	var known map[string]struct{} // ids that were listed; nil: they are few
	if end-first > fewItems {
		known = make(map[string]struct{}, end-first)
	}
	for level := first; ok && level < end; level++ {
		if len(list) < cap(list) {
			list = list[:len(list)+1]
		} else {
			list = append(list, events.Item{})
		}
		item := &list[len(list)-1]
		if ok = b.item(level, item); ok && listed(list[:len(list)-1], known, item.ID) {
			list = list[:len(list)-1]
		}
	}
	for i := len(list); i < len(before); i++ {
		clear(before[i].Features)
		before[i] = events.Item{Features: before[i].Features[:0]}
	}
	req.Items = list
	return ok
}

// fewItems are looked through faster than a map is made of them.
const fewItems = 32

// listed reports whether an id was listed before: only the first of a name counts. It is
// known from now on.
func listed(before []events.Item, known map[string]struct{}, id string) bool {
	if known == nil {
		return slices.ContainsFunc(before, func(i events.Item) bool { return i.ID == id })
	}
	_, is := known[id]
	known[id] = struct{}{}
	return is
}

func (b *Block) item(level int, item *events.Item) bool {
	p := &b.schema.plan
	if !b.there(&p.items.Fields[0], level) || !b.there(p.itemID, level) {
		return false
	}
	id := b.text(p.itemID, level)
	b.used += len(id)
	item.ID = view(id)
	item.Position, item.HasPosition = 0, p.position != nil && b.there(p.position, level)
	if item.HasPosition {
		item.Position = b.int(p.position, level)
	}
	item.Score, item.HasScore = b.number(p.itemScore, level)
	return len(id) > 0 && len(id) <= events.MaxID && b.isUTF8(p.itemID, id) &&
		b.fields(p.itemFeatures, level, &item.Features)
}

// isUTF8 reports whether a text of a field is UTF-8.
func (b *Block) isUTF8(f *Field, text []byte) bool { return b.leaves[f.leaf].ascii || utf8.Valid(text) }
