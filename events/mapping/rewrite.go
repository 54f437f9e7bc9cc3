package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// loops are the functions whose second argument is evaluated for every element of a list.
func loops() []string {
	return []string{
		"all", "none", "any", "one", "filter", "map", "count", "find", "findIndex", "findLast", "findLastIndex",
		"sum", "reduce",
	}
}

// rewritten is an expression in the notation of expr. Two things may be written more
// simply here: an object as what a loop gives, map(list, {a: .b}), and outside of loops
// .b for it.b, the member of the element at hand.
func rewritten(source string) string {
	text, _ := rewrite(source)
	return text
}

// insertion is what was put in, in characters of the text that comes of it.
type insertion struct{ at, size int }

func rewrite(source string) (text string, inserted []insertion) {
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return source, nil // the parser says what is wrong with it
	}
	var out strings.Builder
	runes := []rune(source)
	done, extra := 0, 0
	put := func(upTo int, text string) {
		out.WriteString(string(runes[done:upTo]) + text)
		done = upTo
		if text != "" {
			inserted = append(inserted, insertion{upTo + extra, len(text)})
			extra += len(text)
		}
	}
	var open []bracket
	inLoop := func() bool {
		return slices.ContainsFunc(open, func(b bracket) bool { return b.loop && b.commas > 0 })
	}
	for i, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			b := bracket{loop: t.Value == "(" && i > 0 && tokens[i-1].Kind == lexer.Identifier &&
				slices.Contains(loops(), tokens[i-1].Value)}
			if t.Value == "{" && isObject(tokens[i:]) && len(open) > 0 && open[len(open)-1].loop &&
				tokens[i-1].Is(lexer.Operator, ",") {
				put(t.From, "{")
				b.wrapped = true
			}
			open = append(open, b)
		case t.Is(lexer.Bracket, ")", "]", "}"):
			if len(open) == 0 {
				return source, nil
			}
			if last := open[len(open)-1]; last.wrapped {
				put(t.To, "}")
			}
			open = open[:len(open)-1]
		case t.Is(lexer.Operator, ",") && len(open) > 0:
			open[len(open)-1].commas++
		case t.Is(lexer.Operator, ".", "?.") && begins(tokens, i) && !inLoop():
			put(t.From, "it")
		}
	}
	put(len(runes), "")
	return out.String(), inserted
}

// bracket is one that is open: whether a loop's arguments are in it, and how many commas
// were met there.
type bracket struct {
	loop    bool
	wrapped bool
	commas  int
}

// isObject reports whether tokens begin an object, and not a block.
func isObject(tokens []lexer.Token) bool {
	return len(tokens) > 2 && (tokens[1].Kind == lexer.Identifier || tokens[1].Kind == lexer.String) &&
		tokens[2].Is(lexer.Operator, ":")
}

// begins reports whether an operand begins at a token, because of what stands before.
func begins(tokens []lexer.Token, i int) bool {
	if i == 0 {
		return true
	}
	before := tokens[i-1]
	switch before.Kind {
	case lexer.Operator:
		return true
	case lexer.Bracket:
		return before.Value == "(" || before.Value == "[" || before.Value == "{"
	}
	return before.Is(lexer.Identifier, "and", "or", "not", "in", "let")
}
