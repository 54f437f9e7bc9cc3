package page

import "github.com/labeljoin/labeljoin/export/raters"

// ratersView is how far the raters of a label agree.
type ratersView struct {
	Label, Text string
	Raters      []raterView
}

type raterView struct {
	Name                  string
	Votes                 int
	Agree, Kappa, Without string
}

// mostRaters are as many raters as a page shows, those first that agree least.
const mostRaters = 100

func ratersOf(a *raters.Agreement) ratersView {
	v := ratersView{Label: short(a.Label), Text: a.Text()}
	for i := range a.Raters[:min(len(a.Raters), mostRaters)] {
		r := &a.Raters[i]
		v.Raters = append(v.Raters, raterView{short(r.Name), r.Votes, raters.Figure(r.Agree), raters.Figure(r.Kappa),
			raters.Figure(r.Without)})
	}
	return v
}
