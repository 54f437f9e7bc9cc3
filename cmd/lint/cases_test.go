package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestCasesAreSubtests: each case of a table is a subtest, so that it can be run by its name. A table is a list of
// structs, or a map whose keys are texts, that a test function goes through and fails in. Steps, each of which needs
// those before it, are no cases: their variable is called step.
func TestCasesAreSubtests(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.isTest() {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Body == nil || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			tables := tablesOf(fn)
			for _, s := range fn.Body.List {
				loop, ok := s.(*ast.RangeStmt)
				if ok && !isNamed(loop.Value, "step") && isTable(loop.X, tables) && calls(loop.Body, failing...) && !calls(loop.Body, "Run") {
					t.Errorf("%s: the cases of %s cannot be run by name: wrap the loop's body in t.Run", f.at(loop), fn.Name.Name)
				}
			}
		}
	}
}

func isNamed(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// failing are the methods of a test that say that it fails.
var failing = []string{"Error", "Errorf", "Fatal", "Fatalf"}

// tablesOf are the variables of a test function that are declared with a literal.
func tablesOf(fn *ast.FuncDecl) map[string]ast.Expr {
	tables := map[string]ast.Expr{}
	for _, s := range fn.Body.List {
		if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE && len(a.Lhs) == 1 && len(a.Rhs) == 1 {
			if id, ok := a.Lhs[0].(*ast.Ident); ok {
				tables[id.Name] = a.Rhs[0]
			}
		}
	}
	return tables
}

// isTable reports whether an expression is a literal of several cases, or a variable that was declared with one.
func isTable(x ast.Expr, tables map[string]ast.Expr) bool {
	if id, ok := x.(*ast.Ident); ok {
		x = tables[id.Name]
	}
	literal, ok := x.(*ast.CompositeLit)
	if !ok || len(literal.Elts) < 2 {
		return false
	}
	switch of := literal.Type.(type) {
	case *ast.ArrayType:
		_, ok := of.Elt.(*ast.StructType)
		return ok
	case *ast.MapType:
		key, ok := of.Key.(*ast.Ident)
		return ok && key.Name == "string"
	}
	return false
}

// calls reports whether a node calls one of t's methods.
func calls(n ast.Node, methods ...string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			found = found || isNamed(sel.X, "t") && slices.Contains(methods, sel.Sel.Name)
		}
		return !found
	})
	return found
}
