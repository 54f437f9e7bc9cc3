package sql

import "strings"

// truth is a boolean expression in SQL. It is never NULL where the operand that it is about
// can be evaluated.
type truth string

const (
	always truth = "true"
	never  truth = "false"
)

// and holds if all hold.
func and(all ...truth) truth { return junction(" AND ", always, never, all) }

// or holds if any holds.
func or(all ...truth) truth { return junction(" OR ", never, always, all) }

// junction joins what is not neutral; what decides alone is all that is left.
func junction(word string, neutral, deciding truth, all []truth) truth {
	var parts []string
	for _, t := range all {
		switch t {
		case neutral:
		case deciding:
			return deciding
		default:
			parts = append(parts, string(t))
		}
	}
	switch len(parts) {
	case 0:
		return neutral
	case 1:
		return truth(parts[0])
	}
	return truth("(" + strings.Join(parts, word) + ")")
}

// not holds if t does not.
func not(t truth) truth {
	switch t {
	case always:
		return never
	case never:
		return always
	}
	return "(NOT " + t + ")"
}
