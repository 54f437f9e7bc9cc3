package wire

import (
	"errors"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// pairOf compiles what makes a label of pairs of outcomes.
func pairOf(p *config.Pair, label *joiner.Label) error {
	open, err := alone("pair.open", p.Open)
	if err != nil {
		return err
	}
	closing, err := alone("pair.close", p.Close)
	if err != nil {
		return err
	}
	key := func(*events.Outcome) (string, error) { return "", nil }
	if p.By != "" {
		if key, err = keyOf(p.By); err != nil {
			return &settingError{"pair.by", err}
		}
	}
	role := func(o *events.Outcome) joiner.PairRole {
		r := joiner.PairRole{Opens: open.Holds(o), Closes: closing.Holds(o)}
		if !r.Any() {
			return r
		}
		shared, err := key(o)
		if err != nil {
			return joiner.PairRole{}
		}
		r.Key = shared
		return r
	}
	label.Pair = &joiner.Pair{Role: role, First: p.Opens == config.PairOpensFirst}
	label.When = func(o *events.Outcome) bool { r := role(o); return r.Any() }
	label.Fault = func(o *events.Outcome) string {
		for _, c := range []*rule.Condition{&open, &closing} {
			if c.Fault == nil {
				continue
			}
			if fault := c.Fault(o); fault != "" {
				return fault
			}
		}
		if open.Holds(o) || closing.Holds(o) {
			if _, err := key(o); err != nil {
				return err.Error()
			}
		}
		return ""
	}
	return nil
}

// alone compiles a condition that may look at the outcome alone.
func alone(setting, source string) (rule.Condition, error) {
	c, err := rule.Compile(source)
	if err == nil && c.InRow != nil {
		err = rule.ErrOutcomeAlone
	}
	if err != nil {
		return c, &settingError{setting, err}
	}
	return c, nil
}

// errNoKey says that an outcome belongs with no other.
var errNoKey = errors.New("`by` of its pair gives no text, an empty one or a number from 2^53 on, so it is in no pair: " +
	"send large numbers as text")

// keyOf compiles what outcomes share that belong together. A whole number is its digits, as in
// the keys of join.attribute.
func keyOf(source string) (func(*events.Outcome) (string, error), error) {
	run, err := rule.CompileKey(source)
	if err != nil {
		return nil, err
	}
	return func(o *events.Outcome) (string, error) {
		value, err := run(o)
		if err != nil {
			return "", err
		}
		if text := keyText(value); text != "" {
			return text, nil
		}
		return "", errNoKey
	}, nil
}
