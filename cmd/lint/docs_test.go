package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPackageDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: its documentation begins %q, not %q", p.ImportPath, p.Doc, want)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				checkFuncDoc(t, f, d)
			case *ast.GenDecl:
				checkGenDoc(t, f, d)
			}
		}
	}
}

func checkFuncDoc(t *testing.T, f *goFile, d *ast.FuncDecl) {
	if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d)) {
		return
	}
	if said := d.Doc.Text(); said == "" {
		// What every Go programmer knows needs no words.
		if d.Recv == nil || d.Name.Name != "Error" && d.Name.Name != "Unwrap" && d.Name.Name != "String" {
			t.Errorf("%s: %s has no comment", f.at(d), d.Name)
		}
	} else if !strings.HasPrefix(said, d.Name.Name+" ") {
		t.Errorf("%s: the comment of %s does not begin with its name", f.at(d), d.Name)
	}
}

// TestCommentsBeginWithTheName: the comment of a function or a type begins with its name, whether it is exported or
// not, or else it is a sentence of its own, which begins with a capital letter. What begins otherwise has most likely
// kept the name from before a renaming.
func TestCommentsBeginWithTheName(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				checkFirstWord(t, f, d.Name, d.Doc)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok && d.Lparen.IsValid() {
						checkFirstWord(t, f, s.Name, s.Doc)
					} else if ok {
						checkFirstWord(t, f, s.Name, d.Doc)
					}
				}
			}
		}
	}
}

func checkFirstWord(t *testing.T, f *goFile, name *ast.Ident, doc *ast.CommentGroup) {
	words := strings.Fields(doc.Text())
	if len(words) == 0 {
		return
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if word := strings.TrimRight(words[0], ",.:"); unicode.IsLower(first) && word != name.Name && word != name.Name+"'s" {
		t.Errorf("%s: the comment of %s begins with %q: it begins with the name, or with a capital letter", f.at(name), name,
			words[0])
	}
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	x := d.Recv.List[0].Type
	for {
		switch e := x.(type) {
		case *ast.StarExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// checkGenDoc wants a comment on every exported type, and one on every exported
// constant and variable or on the block that it stands in.
func checkGenDoc(t *testing.T, f *goFile, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			doc := s.Doc.Text()
			if !d.Lparen.IsValid() {
				doc = d.Doc.Text()
			}
			if s.Name.IsExported() && !strings.HasPrefix(doc, s.Name.Name+" ") {
				t.Errorf("%s: type %s has no comment that begins with its name", f.at(s), s.Name)
			}
		case *ast.ValueSpec:
			documented := d.Doc != nil || s.Doc != nil || d.Lparen.IsValid() && s.Comment != nil
			for _, name := range s.Names {
				if name.IsExported() && !documented {
					t.Errorf("%s: %s %s has no comment", f.at(s), d.Tok, name)
				}
			}
			if d.Tok == token.CONST && documented {
				break
			}
		}
	}
}

var (
	// A link in Markdown, images included.
	link = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	// What GitHub drops of a heading to make an anchor.
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
)

// TestLinks follows every relative link of every document: to a file or folder
// that is there, and to a heading that is in it.
func TestLinks(t *testing.T) {
	textFiles(t, func(name string, data []byte) {
		for _, match := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(data), ""), -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if err := follow(name, target); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", name, target, err)
			}
		}
	}, ".md")
}

func follow(from, target string) error {
	file, anchor, _ := strings.Cut(target, "#")
	to := filepath.Join(root, filepath.FromSlash(path.Join(path.Dir(from), file)))
	if file == "" {
		to = filepath.Join(root, filepath.FromSlash(from))
	}
	info, err := os.Stat(to)
	if err != nil || anchor == "" || info.IsDir() {
		return err
	}
	data, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	for line := range strings.Lines(fence.ReplaceAllString(string(data), "")) {
		if heading := strings.TrimLeft(line, "#"); heading != line && anchorOf(heading) == anchor {
			return nil
		}
	}
	return fmt.Errorf("no heading makes the anchor #%s", anchor)
}

// anchorOf is the anchor that GitHub makes of a heading.
func anchorOf(heading string) string {
	plain := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(plain, " ", "-")
}
