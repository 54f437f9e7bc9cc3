package sql

import (
	"strings"
	"text/template"
)

// Problems is a query that says of each raw line what is wrong with it: kind, line, problem.
func (p *Plan) Problems() (string, error) {
	text := `WITH {{template "raw" .}}lj_end AS (SELECT 1)
SELECT kind, line, problem FROM lj_problems`
	t, err := template.New("problems").Funcs(rawFuncs(p)).ParseFS(templates, "raw.sql.tmpl")
	if err != nil {
		return "", err
	}
	if t, err = t.Parse(text); err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, p)
	return b.String(), err
}
