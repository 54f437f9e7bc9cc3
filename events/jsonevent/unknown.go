package jsonevent

import "bytes"

// mostUnknownNames is how many unknown fields of one event are named.
const mostUnknownNames = 8

// unknownNames are the names of fields of one event that nothing here knows.
type unknownNames struct{ list []string }

func (n *unknownNames) reset() { n.list = n.list[:0] }

func (n *unknownNames) add(name string) {
	if len(n.list) < mostUnknownNames {
		n.list = append(n.list, name)
	}
}

// note adds a name as it stands in an object of a shape. Of nil it does nothing.
func (n *unknownNames) note(in shape, key []byte) {
	if n != nil && len(n.list) < mostUnknownNames {
		n.list = append(n.list, unknownName(in, key))
	}
}

// unknownName is how a field that nothing here knows is called to people.
func unknownName(in shape, key []byte) string {
	name := string(bytes.ToValidUTF8(key, []byte("\uFFFD")))
	if in == inItem {
		return "items[]." + name
	}
	return name
}

// UnknownNames are the names of fields that nothing here knows, of the event that
// was scanned or decoded last: a few, those first met. They are good until the next
// event.
func (p *Parser) UnknownNames() []string { return p.names.list }
