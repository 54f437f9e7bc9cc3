package pages

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/shards"
)

func (p *pages) shards(ctx context.Context, r *http.Request, w io.Writer) error {
	days, day, err := p.listed(ctx, r)
	if err != nil {
		return err
	}
	s := &page.Shards{Name: p.Config.Name, Days: days, Note: "No rows have been written yet."}
	if day != nil {
		s.Day, s.Note = day.Day, "The day was not exported: labeljoin export --date "+day.Day+" exports it."
	}
	if day != nil && day.Manifest != nil {
		s.Note, s.Version = "", versionOf(day)
	}
	return page.WriteShards(w, s)
}

// mostFiles is how many files of a version are shown.
const mostFiles = 200

// versionOf is a version as its manifest has it.
func versionOf(d *shards.ListedDay) *page.ShardsVersion {
	m := d.Manifest
	v := &page.ShardsVersion{Version: d.Version.String(), Created: m.Created, Software: m.Software,
		Format: string(m.FileFormat), Partial: m.Partial, Foreign: d.Foreign, Anomalies: m.Anomalies}
	c := &m.Counts
	v.Counts = []page.NamedCount{{Name: "read, in all revisions", Count: c.Read},
		{Name: "replaced by a later revision", Count: c.Replaced},
		{Name: "moved to another day", Count: c.Moved}, {Name: "withdrawn", Count: c.Withdrawn},
		{Name: "in a declared gap", Count: c.Gap}, {Name: "not finished", Count: c.Open},
		{Name: "left out by sampling", Count: c.Sampled}, {Name: "written", Count: c.Written}}
	for _, f := range m.Splits {
		split := page.ShardsSplit{Name: f.Name, Files: f.Files, Rows: f.Rows}
		for _, l := range f.Labels {
			split.Labels = append(split.Labels, page.NamedText{Name: l.Name,
				Text: fmt.Sprintf("%d of %d known rows are positive, the sum is %v", l.Positive, l.Known, l.Sum)})
		}
		v.Splits = append(v.Splits, split)
	}
	v.Source = source(m)
	for i := range m.Files {
		if f := &m.Files[i]; i < mostFiles {
			v.Files = append(v.Files, page.ShardsFile{Path: f.Path, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256})
		} else {
			v.More++
		}
	}
	for _, b := range m.Beside {
		v.Files = append(v.Files, page.ShardsFile{Path: path.Join("meta", "dt="+d.Day, v.Version, b.Name), Rows: -1,
			Bytes: b.Bytes, SHA256: b.SHA256})
	}
	return v
}

// source says what a version was made of.
func source(m *shards.Manifest) []page.NamedText {
	s := &m.Source
	list := []page.NamedText{
		{Name: "commit", Text: fmt.Sprintf("%d of %s, SHA-256 of its manifest %s", s.Commit, s.Joiner, s.CommitHash)},
		{Name: "closed through", Text: s.ClosedThrough},
		{Name: "rules", Text: strings.Join(s.RulesHashes, ", ")},
		{Name: "files of rows", Text: fmt.Sprint(len(s.Files))},
	}
	for _, in := range s.Inputs {
		list = append(list, page.NamedText{Name: "stream " + in.Stream,
			Text: fmt.Sprintf("created %s, %s", in.Created, monitor.ReadUpTo(in.Next))})
	}
	for _, g := range s.Gaps {
		list = append(list, page.NamedText{Name: fmt.Sprintf("gap %d", g.ID), Text: g.From + " to " + g.To})
	}
	for _, l := range m.Labels {
		list = append(list, page.NamedText{Name: "label " + l.Name, Text: "window " + l.Window})
	}
	return append(list, page.NamedText{Name: "split", Text: fmt.Sprintf("%s, eval %v, test %v", m.Method.SplitBy,
		m.Method.Eval, m.Method.Test)})
}

// reportPolicy lets the report use its own style, which may be that of another version, and nothing
// else. The report itself says more strictly which.
const reportPolicy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; sandbox"

// report answers with the report that lies beside an exported day.
func (p *pages) report(w http.ResponseWriter, r *http.Request) {
	day := r.URL.Query().Get("day")
	if _, err := review.Before(day, review.Yesterday); err != nil {
		refuse(w, err)
		return
	}
	o, err := p.options(r.Context())
	if err != nil {
		refuse(w, err)
		return
	}
	data, err := shards.Beside(o, day, review.ReportName)
	if err != nil {
		refuse(w, err)
		return
	}
	monitor.PageHeader(w.Header(), reportPolicy)
	_, _ = w.Write(data) // a client that has gone needs no page
}
