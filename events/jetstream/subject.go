package jetstream

import (
	"fmt"
	"slices"
	"strings"
)

// checkSubject reports what is wrong with a subject that may hold wildcards.
func checkSubject(subject string) error {
	if subject == "" {
		return fmt.Errorf("the subject is empty: name one, such as \"requests.>\"")
	}
	if strings.ContainsAny(subject, " \t\r\n\x00") {
		return fmt.Errorf("subject %q holds white space: remove it", subject)
	}
	for rest, more := subject, true; more; {
		var token string
		token, rest, more = strings.Cut(rest, ".")
		switch {
		case token == "":
			return fmt.Errorf("subject %q has an empty part: remove the extra dot", subject)
		case token == ">" && more:
			return fmt.Errorf("subject %q goes on after '>': it may only stand at the end", subject)
		case len(token) > 1 && strings.ContainsAny(token, "*>"):
			return fmt.Errorf("subject %q has a wildcard within a part: '*' and '>' stand alone between dots", subject)
		}
	}
	return nil
}

// Overlap reports whether some subject matches both patterns.
func Overlap(a, b string) bool {
	for {
		ta, restA, moreA := strings.Cut(a, ".")
		tb, restB, moreB := strings.Cut(b, ".")
		if ta == ">" || tb == ">" {
			return true
		}
		if ta != tb && ta != "*" && tb != "*" {
			return false
		}
		if !moreA || !moreB {
			return moreA == moreB
		}
		a, b = restA, restB
	}
}

// covers reports whether everything that matches subject also matches
// pattern. A subject without wildcards matches just itself, so this is also
// the match of one message's subject.
func covers(pattern, subject string) bool {
	for {
		tp, restP, moreP := strings.Cut(pattern, ".")
		ts, restS, moreS := strings.Cut(subject, ".")
		switch {
		case tp == ">":
			return true
		case ts == ">", tp != ts && tp != "*":
			return false
		}
		if !moreP || !moreS {
			return moreP == moreS
		}
		pattern, subject = restP, restS
	}
}

// common is the pattern of the subjects that match two patterns; ok is false if there is none.
func common(a, b string) (both string, ok bool) {
	if !Overlap(a, b) {
		return "", false
	}
	var parts []string
	for {
		ta, restA, more := strings.Cut(a, ".")
		tb, restB, _ := strings.Cut(b, ".")
		switch {
		case ta == ">":
			return strings.Join(append(parts, b), "."), true
		case tb == ">":
			return strings.Join(append(parts, a), "."), true
		case ta == "*":
			ta = tb
		}
		if parts = append(parts, ta); !more {
			return strings.Join(parts, "."), true
		}
		a, b = restA, restB
	}
}

// escapes reports whether some subject that matches a pattern matches none of others. Several of
// those may cover the pattern together. It goes through the parts of the pattern; of the others,
// what is left of those that match so far goes with it.
func escapes(subject string, others []string) bool {
	if len(others) == 0 {
		return true
	}
	token, rest, more := strings.Cut(subject, ".")
	words := []string{token}
	if token == "*" || token == ">" {
		words = []string{""} // stands for a part that none of the others names
		for _, o := range others {
			if word, _, _ := strings.Cut(o, "."); word != "*" && word != ">" && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	for _, word := range words {
		var left []string // of the others that go on
		ended, all := false, false
		for _, o := range others {
			first, after, goesOn := strings.Cut(o, ".")
			switch {
			case first == ">":
				all = true
			case first != "*" && first != word:
			case goesOn:
				left = append(left, after)
			default:
				ended = true
			}
		}
		switch {
		case all:
		case !more && !ended, more && escapes(rest, left), token == ">" && escapes(">", left):
			return true
		}
	}
	return false
}

// streamName derives a stream's name from the subject it is created for:
// "requests.>" becomes "requests", "labels.feed" becomes "labels_feed".
func streamName(subject string) string {
	var parts []string
	for token := range strings.SplitSeq(subject, ".") {
		if token != "*" && token != ">" {
			parts = append(parts, token)
		}
	}
	name := strings.NewReplacer("/", "_", `\`, "_").Replace(strings.Join(parts, "_"))
	if name == "" {
		return "events"
	}
	return name
}
