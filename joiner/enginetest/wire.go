package enginetest

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
)

func (g *generator) ts(ts events.Time) string {
	if g.chance(10) {
		return `"` + ts.String() + `"`
	}
	return fmt.Sprint(int64(ts))
}

func (g *generator) requestJSON(id string, ts events.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"request_id":"%s","ts":%s`, id, g.ts(ts))
	if g.chance(50) {
		fmt.Fprintf(&b, `,"model":"m%d"`, g.IntN(3))
	}
	if g.chance(30) {
		fmt.Fprintf(&b, `,"model_version":"v%d"`, g.IntN(3))
	}
	if g.chance(50) {
		fmt.Fprintf(&b, `,"user_id":"u%d"`, g.IntN(3))
	}
	if g.chance(30) {
		fmt.Fprintf(&b, `,"score":%s`, g.orUnheld(fmt.Sprint("0.", 1+g.IntN(9))))
	}
	if g.chance(50) {
		fmt.Fprintf(&b, `,"features":{"f%d":%d,"g":%s}`, g.IntN(3), g.IntN(9), g.orNull(fmt.Sprint(g.IntN(9))))
	}
	if g.chance(70) {
		b.WriteString(`,"items":[`)
		comma := ""
		for _, i := range g.Perm(4)[:g.IntN(5)] {
			fmt.Fprintf(&b, `%s{"item_id":"%c"`, comma, 'a'+i)
			if comma = ","; g.chance(50) {
				fmt.Fprintf(&b, `,"position":%s`, g.orUnheld(fmt.Sprint(g.IntN(5))))
			}
			if g.chance(30) {
				fmt.Fprintf(&b, `,"score":0.%d`, 1+g.IntN(9))
			}
			if g.chance(30) {
				fmt.Fprintf(&b, `,"features":{"h%d":%s}`, g.IntN(2), g.orNull(fmt.Sprint(g.IntN(9))))
			}
			b.WriteByte('}')
		}
		b.WriteByte(']')
	}
	if g.chance(10) {
		b.WriteString(`,"stray":[1,{}]`)
	}
	b.WriteByte('}')
	return b.String()
}

func (g *generator) outcomeJSON(id, outcome string, ts events.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s"ts":%s,"type":"%s"`, g.head(id), g.ts(ts), one(g, "click", "buy", "view"))
	if outcome != "" {
		fmt.Fprintf(&b, `,"outcome_id":"%s"`, outcome)
	}
	if g.chance(75) {
		fmt.Fprintf(&b, `,"item_id":"%c"`, 'a'+g.IntN(5))
	}
	if g.chance(60) {
		value := one(g, "0", "1", "2", "-1", "0.1", "0.2", "1e15")
		if g.shape.Wild && g.chance(50) {
			value = one(g, "1.7e308", "-1.7e308", "1e308", "-1e308", "5e-324", "-0.0", "1.7976931348623157e308")
		}
		fmt.Fprintf(&b, `,"value":%s`, g.orUnheld(value))
	}
	b.WriteString(g.attrs())
	b.WriteByte('}')
	return b.String()
}

// orUnheld is a value, or in wild histories now and then one that nothing holds, and that costs no more than itself; or
// a number that is written as a text.
func (g *generator) orUnheld(value string) string {
	if g.shape.Wild && !g.shape.Finite && g.chance(10) {
		return one(g, `"2"`, `"NaN"`, `[1,NaN]`)
	}
	return g.orNull(value)
}

// orNull is a value, or in wild histories now and then one that is no number, and counts as null. It has no type, which
// a feature has.
func (g *generator) orNull(value string) string {
	if g.shape.Wild && !g.shape.Finite && g.chance(20) {
		return one(g, "NaN", "Infinity", "-Infinity", "1e999", "-1e999", `"\ud800"`)
	}
	return value
}

// attrs are attributes of an outcome, if any label may look at them.
func (g *generator) attrs() string {
	if g.shape.Unnamed {
		return g.keys()
	}
	votes := func(l joiner.Label) bool { return l.Votes != nil }
	if slices.ContainsFunc(g.h.Rules.Labels, votes) && g.votes.IntN(4) > 0 { // few raters, who vote again
		return fmt.Sprintf(`,"attrs":{"user":"u%d","ms":1500}`, g.votes.IntN(3))
	}
	looks := func(l joiner.Label) bool {
		return l.InRow != nil || l.Number != nil || len(l.Columns) > 0 || l.Pair != nil
	}
	if !slices.ContainsFunc(g.h.Rules.Labels, looks) || g.rows.IntN(4) == 0 {
		return ""
	}
	values := []string{`"user":"u0"`, `"user":"u1"`, `"user":"u2"`, `"user":7`, `"ms":1500`, `"ms":0.1`, `"ms":"soon"`,
		`"more":[{"a":"b"}]`}
	some := []string{}
	for _, i := range g.rows.Perm(len(values))[:g.rows.IntN(4)] {
		name, _, _ := strings.Cut(values[i], ":")
		if !slices.ContainsFunc(some, func(s string) bool { return strings.HasPrefix(s, name) }) {
			some = append(some, values[i])
		}
	}
	return `,"attrs":{` + strings.Join(some, ",") + "}"
}

// Set is the history as the reference reads it.
func (h *History) Set() []Event {
	set := make([]Event, len(h.Events))
	for i, e := range h.Events {
		set[i] = Event{Kind: e.Kind, Stored: e.At, Data: e.Data}
	}
	return set
}

// Reference is a reference join for the history.
func (h *History) Reference() Reference {
	return Reference{
		Rules: h.Rules, Decoders: h.Decoders(),
		MaxFuture: h.MaxFuture, MaxAge: h.MaxAge, Limit: h.Limit, Known: events.MaxTime,
	}
}

// Decoders are those of the history's events.
func (h *History) Decoders() [events.Kinds]jsonevent.Decoder {
	d := [events.Kinds]jsonevent.Decoder{Decoder(), Decoder()}
	d[events.KindOutcome].Unnamed = h.Rules.Attribute != nil
	return d
}

// Layout is how events lie in logs.
type Layout struct {
	Inputs   int  // 1: both kinds in one log; 2: a log for each; more: the outcomes lie in several
	Messages int  // most events in a message
	Batches  int  // most messages in a batch
	Proofs   bool // batches say how far the log is proven to be read; for timely histories
}

// Logs puts arrivals into input logs, as batches of messages.
func Logs(arrivals []Arrival, l Layout, r *rand.Rand) [][]events.Batch {
	logs := make([][]events.Batch, l.Inputs)
	for input := range logs {
		var mine []Arrival
		for _, e := range arrivals {
			if l.holds(input, &e) {
				mine = append(mine, e)
			}
		}
		logs[input] = batches(mine, uint8(input), l, r)
	}
	return logs
}

// holds reports whether an event lies in a log. A heartbeat of the outcomes lies in each
// of theirs, because it speaks for one log only.
func (l *Layout) holds(input int, e *Arrival) bool {
	switch {
	case l.Inputs == 1:
		return true
	case e.Kind == events.KindRequest || input == 0:
		return e.Kind == events.KindRequest && input == 0
	case bytes.HasPrefix(e.Data, []byte(`{"heartbeat"`)):
		return true
	}
	// By its beginning, which is the id of its request: how many outcomes of one request
	// are taken in at most depends on which come first.
	id, _, _ := bytes.Cut(e.Data, []byte(","))
	return input == 1+int(crc32.ChecksumIEEE(id))%(l.Inputs-1)
}

func batches(rest []Arrival, input uint8, l Layout, r *rand.Rand) []events.Batch {
	var out []events.Batch
	for seq := uint64(1); len(rest) > 0; {
		b := events.Batch{ReadThrough: events.MinTime}
		for n := 1 + r.IntN(l.Batches); n > 0 && len(rest) > 0; n-- {
			k := 1
			for most := 1 + r.IntN(l.Messages); k < most && k < len(rest) && rest[k].Kind == rest[0].Kind; k++ {
			}
			stored := rest[k-1].At
			b.Messages = append(b.Messages, events.Message{
				Kind: rest[0].Kind, Input: input, Seq: seq, Stored: stored, Data: payload(rest[:k], r),
			})
			seq += 1 + r.Uint64N(3)
			rest = rest[k:]
			if l.Proofs && r.IntN(3) == 0 {
				b.ReadThrough = stored
				if len(rest) > 0 && rest[0].At > stored {
					b.ReadThrough = stored + events.Time(r.Int64N(int64(rest[0].At-stored)+1))
				}
			} else {
				b.ReadThrough = events.MinTime
			}
		}
		out = append(out, b)
	}
	return out
}

// payload writes events as one message.
func payload(of []Arrival, r *rand.Rand) []byte {
	list := make([][]byte, len(of))
	objects := false
	for i, e := range of {
		list[i] = e.Data
		objects = objects || e.Data[0] == '{'
	}
	if len(list) == 1 && r.IntN(2) == 0 {
		return list[0]
	}
	if len(list) > 1 && objects && r.IntN(2) == 0 {
		return bytes.Join(list, []byte(one2(r, "\n", " \r\n\n")))
	}
	return append(append([]byte("[ "), bytes.Join(list, []byte(" ,\n"))...), ']')
}

func one2(r *rand.Rand, a, b string) string {
	if r.IntN(2) == 0 {
		return a
	}
	return b
}
