package wire

import (
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// attributionOf is what a configuration says of outcomes that name no request; nil if each
// has to name one.
func attributionOf(c *config.Config) *joiner.Attribution {
	a := c.Join.Attribute
	if a == nil {
		return nil
	}
	to := map[config.AttributeTo]joiner.AttributeTo{config.AttributeLast: joiner.ToLast,
		config.AttributeFirst: joiner.ToFirst,
		config.AttributeAll:   joiner.ToAll, config.AttributeEven: joiner.ToEven, config.AttributePosition: joiner.ToPosition}
	rules := &joiner.Attribution{To: to[a.To], Within: a.Within.Std()}
	_, rules.Item = a.By[config.AttributeItem]
	for _, field := range a.Keys() {
		rules.Keys = append(rules.Keys, joiner.AttributeKey{OfRequest: textOfRequest(field),
			OfOutcome: textOfAttr(strings.Split(strings.TrimPrefix(a.By[field], "attrs."), "."))})
	}
	return rules
}

// textOfRequest gives a field of a request as text, empty if it has none.
func textOfRequest(field string) func(*events.Request) string {
	switch field {
	case "user_id":
		return func(req *events.Request) string { return req.UserID }
	case "model":
		return func(req *events.Request) string { return req.Model }
	case "model_version":
		return func(req *events.Request) string { return req.ModelVersion }
	}
	name := strings.TrimPrefix(field, "features.")
	return func(req *events.Request) string {
		for i := range req.Features {
			if req.Features[i].Name == name {
				return textOfValue(&req.Features[i].Value)
			}
		}
		return ""
	}
}

func textOfValue(v *events.Value) string {
	switch v.Kind {
	case events.ValueString:
		return v.Str
	case events.ValueInt:
		return strconv.FormatInt(v.Int, 10)
	case events.ValueDouble:
		return joiner.KeyText(v.Float)
	case events.ValueBool:
		return strconv.FormatBool(v.Int != 0)
	}
	return ""
}

// textOfAttr gives an attribute of an outcome as text, empty if it has none. Its path names
// an attribute, and within objects what is in them.
func textOfAttr(path []string) func(*events.Outcome) string {
	return func(o *events.Outcome) string {
		value := attrOf(o, path)
		if truth, ok := value.(bool); ok {
			return strconv.FormatBool(truth)
		}
		return keyText(value)
	}
}

// attrOf is an attribute of an outcome, or what is in it; nil if there is none.
func attrOf(o *events.Outcome, path []string) any {
	var value any = o.Attrs
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// keyText is a text or a number of an outcome as a key has it; empty if it is neither, or a
// number that is too large to be told from others.
func keyText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return joiner.KeyText(v)
	case int: // an expression made it of attributes, which are float64
		return joiner.KeyText(float64(v))
	}
	return ""
}
