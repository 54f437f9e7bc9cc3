package config

import "strings"

// Pair is the block `labels.<label>.pair`: two outcomes that belong together.
type Pair struct {
	// The condition of the outcome that opens a pair, like `type == "open"`. It looks at the
	// outcome alone.
	//
	// Default: none. It is required.
	Open string `yaml:"open"`
	// The condition of the outcome that closes it. It may be the same as `open`: then each
	// outcome closes the pair that the one before it has opened.
	//
	// Default: none. It is required.
	Close string `yaml:"close"`
	// What both outcomes share: an expression of the outcome that gives a text or a number, like
	// `attrs.session` or `item_id`. An outcome for which it gives nothing, or a number from 2^53 on,
	// is in no pair: send large numbers as text.
	//
	// Default: nothing. All outcomes of a row belong together.
	By string `yaml:"by"`
	// Which of several outcomes that open a pair an outcome closes: the last one before it, or
	// the first one since the close before it.
	//
	// Default: last. What was opened again without a close was left, as a page that was reloaded.
	Opens PairOpens `yaml:"opens"`
}

// Says is what decides a label, in one line or more: its condition, its pair, or what it is
// made of.
func (l *Label) Says() string {
	switch {
	case l.Of != "":
		return l.Of
	case l.Pair != nil:
		return l.Pair.says()
	}
	return l.When
}

func (p *Pair) says() string {
	text := p.Open + ", then " + p.Close
	if p.By != "" {
		text += ", by " + p.By
	}
	return text
}

// pair checks a pair.
func (v *checker) pair(at string, l *Label) {
	if l.IsOfVotes() {
		v.add(join(at, "by"), "has no effect beside `pair`: votes are single outcomes; what the outcomes of a pair share is "+
			"`pair.by`")
	}
	at = join(at, "pair")
	if strings.TrimSpace(l.When) != "" {
		v.add(at, "stands beside `when`: a label is of single outcomes or of pairs, so keep one of the two")
	}
	p := l.Pair
	for _, of := range []struct{ setting, text, example string }{
		{"open", p.Open, `type == "open"`}, {"close", p.Close, `type == "close"`}, {"by", p.By, ""},
	} {
		at := join(at, of.setting)
		if of.example != "" && strings.TrimSpace(of.text) == "" {
			v.add(at, "is missing: say which outcomes %s a pair, like `%s: '%s'`", of.setting, of.setting, of.example)
		}
		if strings.Contains(of.text, "${") {
			v.add(at, "has a ${...} in it: variables are read for secrets only, so write the expression out")
		}
	}
	if p.Opens != "" {
		v.word(join(at, "opens"), string(p.Opens), p.Opens.words())
	}
}

// canonical is what a fingerprint has of a pair; nil if there is none.
func (p *Pair) canonical() []string {
	if p == nil {
		return nil
	}
	return []string{p.Open, p.Close, p.By, string(p.Opens)}
}
