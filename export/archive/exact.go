package archive

import (
	"strconv"

	"github.com/labeljoin/labeljoin/events"
)

// largest bounds the whole numbers that a double tells apart from their neighbours.
const largest = 1<<53 - 1

// exact is a feature as a condition sees it, as text: a letter for its kind, a colon and the value. A whole number is
// another kind than a double, because the language calculates with it in another way. The column of the feature has one
// type, and does not have what is of another one.
func exact(value any) events.Value {
	text := ""
	switch v := value.(type) {
	case nil:
		return events.Value{}
	case bool:
		text = "b:" + strconv.FormatBool(v)
	case float64:
		text = "n:" + strconv.FormatFloat(v, 'g', -1, 64)
	case int:
		if text = "w:"; v < -largest || v > largest {
			text = "h:"
		}
		text += strconv.Itoa(v)
	case string:
		text = "t:" + v
	case map[string]any:
		text = "o:"
	default:
		text = "l:"
	}
	return events.Value{Kind: events.ValueString, Str: text}
}
