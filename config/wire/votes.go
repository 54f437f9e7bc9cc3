package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// votesOf makes a label one of votes. Its further columns are compiled already.
func votesOf(l config.Label, label *joiner.Label) {
	path := strings.Split(strings.TrimPrefix(l.By, "attrs."), ".")
	ties := map[config.Ties]joiner.Ties{config.TiesLowest: joiner.TiesLowest, config.TiesHighest: joiner.TiesHighest}
	label.Votes = &joiner.Votes{By: raterOf(path), Min: int(l.Min), Ties: ties[l.Ties], Classes: l.Classes}
	label.Attrs = append(label.Attrs, path[0])
	label.Columns = append(label.Votes.Columns(l.Name), label.Columns...)
}

// raterOf gives the rater that an attribute of an outcome names, empty if it names none.
func raterOf(path []string) func(*events.Outcome) string {
	return func(o *events.Outcome) string { return keyText(attrOf(o, path)) }
}

// classOf compiles the expression of a class: its number among the classes.
func classOf(l config.Label, expression string, label *joiner.Label) error {
	class, err := rule.CompileColumn(expression, rule.ColumnString)
	if err != nil {
		return err
	}
	numbers := make(map[string]float64, len(l.Classes))
	for i, name := range l.Classes {
		numbers[name] = float64(i)
	}
	label.Number = func(o *events.Outcome, req *events.Request, item int) (joiner.Number, error) {
		v, err := class.Of(o, req, item)
		if err != nil {
			return joiner.Number{}, errors.New("it is no text, and a class is one")
		}
		if v.Kind == events.ValueNull {
			return joiner.Number{}, nil
		}
		n, known := numbers[v.Str]
		if !known {
			return joiner.Number{}, fmt.Errorf("%.80q is none of the classes %s", v.Str, strings.Join(l.Classes, ", "))
		}
		return joiner.Number{Value: n, Has: true}, nil
	}
	label.Attrs, label.AllAttrs = append(label.Attrs, class.Attrs...), label.AllAttrs || class.AllAttrs
	return nil
}
