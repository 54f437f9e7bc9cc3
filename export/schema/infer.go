package schema

import (
	"fmt"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// DefaultTexts is how many different texts a column may have to get a domain,
// where nothing else is said: as tfdv.infer_schema has it.
const DefaultTexts = 100

// Infer makes a schema that the statistics fit, as tfdv.infer_schema does. It
// infers types, presence, valency or shape, and domains; no ranges of numbers
// and no thresholds. A column gets a domain of texts if it has at most texts of
// them.
func Infer(list *tfmd.DatasetFeatureStatisticsList, texts int, shape bool) (*tfmd.Schema, error) {
	return change(&tfmd.Schema{}, list, updater{texts: texts, inferShape: shape})
}

// Update changes a schema until the statistics fit it, as tfdv.update_schema
// does: features that changed their type or that are missing are marked
// DEPRECATED. The schema given stays as it is.
func Update(s *tfmd.Schema, list *tfmd.DatasetFeatureStatisticsList, texts int) (*tfmd.Schema, error) {
	return change(s, list, updater{texts: texts})
}

func change(s *tfmd.Schema, list *tfmd.DatasetFeatureStatisticsList, u updater) (*tfmd.Schema, error) {
	data, err := Whole(list)
	if err != nil {
		return nil, err
	}
	u.schema = proto.CloneOf(s)
	v := newView(data, weighted(data), "")
	for _, c := range v.features {
		if c.parent == nil {
			u.updateAll(c)
		}
	}
	for _, path := range u.missingPaths(v) {
		deprecate(u.feature(path))
	}
	return u.schema, nil
}

// Parse reads a schema in the text that TFDV writes (schema.pbtxt).
func Parse(text []byte) (*tfmd.Schema, error) {
	s := &tfmd.Schema{}
	if err := prototext.Unmarshal(text, s); err != nil {
		return nil, &Error{fmt.Errorf("it is no schema in the text format of protocol buffers: %w", err)}
	}
	return s, nil
}

// Format writes a schema as text. Equal schemas have the same text.
func Format(s *tfmd.Schema) []byte {
	text := prototext.MarshalOptions{Multiline: true, Indent: "  "}.Format(s)
	return stable([]byte(text))
}

// stable takes out the blanks with which the library makes its output unstable
// on purpose: two after a colon instead of one.
func stable(text []byte) []byte {
	out := make([]byte, 0, len(text))
	quoted := false
	for i := 0; i < len(text); i++ {
		ch := text[i]
		if ch == '\\' && quoted && i+1 < len(text) {
			out = append(out, ch, text[i+1])
			i++
			continue
		}
		if ch == '"' {
			quoted = !quoted
		}
		if !quoted && ch == ' ' && i > 0 && text[i-1] == ' ' && len(out) > 0 && i >= 2 && text[i-2] == ':' {
			continue
		}
		out = append(out, ch)
	}
	return out
}

// Categorical are the columns of integers that a schema says are names, for
// stats.Options.
func Categorical(s *tfmd.Schema) []string {
	var out []string
	for _, f := range s.GetFeature() {
		if f.GetIntDomain().GetIsCategorical() {
			out = append(out, f.GetName())
		}
	}
	return out
}
