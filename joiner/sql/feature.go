package sql

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/labeljoin/labeljoin/joiner/rule"
)

// Features lists the features that conditions and values of labels name, in the order of their text: an archive keeps
// them as they are, for its query. The error says that an expression is none.
func (d *Definition) Features() ([]rule.Feature, error) {
	var all []rule.Feature
	for i, when := range d.When {
		texts := d.textsOf(i)
		for _, source := range append([]string{when, texts.Number, texts.Until}, texts.Columns...) {
			if source == "" {
				continue
			}
			list, err := rule.Features(source)
			if err != nil {
				return nil, fmt.Errorf("label %s: %w", d.Rules.Labels[i].Name, err)
			}
			all = append(all, list...)
		}
	}
	slices.SortFunc(all, func(a, b rule.Feature) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(all), nil
}

// PlanKept is a feature that some condition looks at.
type PlanKept struct {
	Name    string // what its columns begin with
	Key     string // what an archive calls it, as a literal
	Comment string
	OfItem  bool
	At      string // where its value stands, of raw lines
}

// feature is a feature of the request or the item of the row, as an archive keeps it.
func (t *translator) feature(f rule.Feature) operand {
	at := slices.Index(t.features, f)
	if at < 0 {
		at = len(t.features)
		t.features = append(t.features, f)
	}
	name := featureName(at)
	return operand{
		kinds: name + "_kind", ok: always, number: name + "_number", text: name + "_text", truth: truth(name + "_truth"),
		whole: truth(name + "_whole"),
	}
}

func featureName(i int) string { return fmt.Sprintf("row_feature_%d", i+1) }

// kept plans how the features that conditions look at are read.
func (p *Plan) kept(features []rule.Feature) {
	for i, f := range features {
		p.Kept = append(p.Kept, PlanKept{
			Name: featureName(i), Key: p.dialect.text(f.String()), Comment: comment(f.String()), OfItem: f.OfItem,
		})
	}
}

// inFeatures is `"name" in request.features`.
func (t *translator) inFeatures(n *ast.BinaryNode, features *ast.MemberNode) operand {
	name, written := n.Left.(*ast.StringNode)
	id, ofRow := features.Node.(*ast.IdentifierNode)
	if of, ok := features.Property.(*ast.StringNode); !ok || of.Value != "features" || !written || !ofRow {
		return t.refuse("in looks into something that is not written out as a list, or for a key that is not written out")
	}
	o := t.inRow(id.Value, []string{"features", name.Value})
	return boolean(always, not(o.isNil()))
}
