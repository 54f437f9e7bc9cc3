package sql

// The kinds of values that a condition may meet, as archives call them.
const (
	kindNumber = "number"
	kindText   = "text"
	kindBool   = "bool"
	kindNull   = "null"   // it is given as null
	kindAbsent = "absent" // it is not given
)

// operand is a part of a condition: "can it be evaluated" beside its value. What is not
// ok may have any value, NULL too.
type operand struct {
	kind  string // where it is the same for every outcome; else empty
	kinds string // SQL for the kind, where it depends on the outcome
	ok    truth  // it can be evaluated

	// The value, as the kinds that it can have; empty: it cannot have that one.
	number, text string
	truth        truth
	nan          bool // the number may be NULL, which stands for NaN
	// whole is whether the number is an integer of the language, which calculates with two of them in integers; empty:
	// it never is.
	whole truth
}

// isWhole reports whether the number is an integer of the language.
func (o *operand) isWhole() truth {
	if o.whole == "" {
		return never
	}
	return o.whole
}

func (o *operand) is(kind string) truth {
	switch {
	case o.kind == kind:
		return always
	case o.kind != "":
		return never
	}
	return truth("(" + o.kinds + " = '" + kind + "')")
}

// isNil reports whether there is no value.
func (o *operand) isNil() truth {
	switch o.kind {
	case "":
		return truth("(" + o.kinds + " IN ('" + kindNull + "', '" + kindAbsent + "'))")
	case kindNull:
		return always
	}
	return never
}

// kindSQL is the kind as SQL, whether it depends on the outcome or not.
func (o *operand) kindSQL() string {
	if o.kind != "" {
		return "'" + o.kind + "'"
	}
	return o.kinds
}

// choose is a where which holds, and b elsewhere; ok is the caller's.
func (t *translator) choose(which truth, a, b *operand) operand {
	switch which {
	case always:
		return *a
	case never:
		return *b
	}
	pick := func(x, y, null string) string {
		if x == "" && y == "" {
			return ""
		}
		if x == "" {
			x = null
		}
		if y == "" {
			y = null
		}
		if x == y {
			return x
		}
		return "CASE WHEN " + string(which) + " THEN " + x + " ELSE " + y + " END"
	}
	c := operand{nan: a.nan || b.nan}
	if c.kind = a.kind; a.kind != b.kind || a.kind == "" {
		c.kind, c.kinds = "", pick(a.kindSQL(), b.kindSQL(), "")
	}
	c.number = pick(a.number, b.number, "CAST(NULL AS DOUBLE)")
	c.text = pick(a.text, b.text, t.dialect.nullText())
	c.truth = truth(pick(string(a.truth), string(b.truth), string(never)))
	c.whole = truth(pick(string(a.whole), string(b.whole), string(never)))
	return c
}

// equal compares as the language does: things of different kinds are not equal. Two lists or
// two objects stop the query, because it has not what is in them.
func (t *translator) equal(a, b *operand) truth {
	if a.kind != "" || b.kind != "" {
		return equalScalars(a, b)
	}
	return truth("CASE WHEN " + a.kinds + " = " + b.kinds + " AND " + a.kinds + " IN ('list', 'object') THEN " +
		t.dialect.stop("a condition compares two lists or two objects") + " ELSE " + string(equalScalars(a, b)) + " END")
}

func equalScalars(a, b *operand) truth {
	numbers := truth("(" + a.number + " = " + b.number + ")")
	if a.nan || b.nan {
		numbers = truth("coalesce(" + a.number + " = " + b.number + ", false)")
	}
	return or(
		and(a.is(kindNumber), b.is(kindNumber), numbers),
		and(a.is(kindText), b.is(kindText), truth("("+a.text+" = "+b.text+")")),
		and(a.is(kindBool), b.is(kindBool), truth("("+string(a.truth)+" = "+string(b.truth)+")")),
		and(a.isNil(), b.isNil()),
	)
}

// ordered compares two numbers or two texts; of nothing else is one before the other.
func ordered(operator string, a, b *operand) operand {
	numbers, texts := and(a.is(kindNumber), b.is(kindNumber)), and(a.is(kindText), b.is(kindText))
	less := truth("(" + a.number + " " + operator + " " + b.number + ")")
	if a.nan || b.nan {
		less = truth("coalesce(" + a.number + " " + operator + " " + b.number + ", false)")
	}
	return operand{
		kind: kindBool, ok: and(a.ok, b.ok, or(numbers, texts)),
		truth: or(and(numbers, less), and(texts, truth("("+a.text+" "+operator+" "+b.text+")"))),
	}
}
