package enginetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// attribution has outcomes that name no request given to some. It picks by itself, as
// windowsLater does.
func (g *generator) attribution() {
	if !g.shape.Unnamed {
		return
	}
	r := &g.h.Rules
	a := &joiner.Attribution{To: joiner.AttributeTo(g.named.IntN(5)), Item: g.named.IntN(2) == 0,
		Within: time.Duration(1 + g.named.Int64N(int64(r.Longest())))}
	if g.named.IntN(3) == 0 {
		a.Within = r.Longest()
	}
	a.Keys = []joiner.AttributeKey{{OfRequest: func(req *events.Request) string { return req.UserID },
		OfOutcome: attrOf("user")}}
	if g.named.IntN(4) == 0 {
		a.Keys = append(a.Keys, joiner.AttributeKey{OfRequest: func(req *events.Request) string { return req.Model },
			OfOutcome: attrOf("model")})
	}
	r.Attribute = a
	for i := range r.Labels {
		if l := &r.Labels[i]; l.Agg == joiner.AggCount && a.To.Splits() {
			l.Agg = joiner.AggCredit
		}
	}
}

func attrOf(name string) func(*events.Outcome) string {
	return func(o *events.Outcome) string {
		text, _ := o.Attrs[name].(string)
		return text
	}
}

// head begins an outcome: with the id of its request, or without.
func (g *generator) head(id string) string {
	if !g.shape.Unnamed || g.named.IntN(4) == 0 {
		return fmt.Sprintf(`{"request_id":"%s",`, id)
	}
	return `{`
}

// keys are the attributes of outcomes that may say whose they are.
func (g *generator) keys() string {
	var some []string
	if g.named.IntN(12) > 0 {
		some = append(some, fmt.Sprintf(`"user":"u%d"`, g.named.IntN(3)))
	}
	if len(g.h.Rules.Attribute.Keys) > 1 && g.named.IntN(12) > 0 {
		some = append(some, fmt.Sprintf(`"model":"m%d"`, g.named.IntN(3)))
	}
	if g.named.IntN(3) == 0 {
		some = append(some, `"ms":1500`)
	}
	return `,"attrs":{` + strings.Join(some, ",") + "}"
}
