package joiner

import (
	"slices"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// Piece is one distinct event that carried a request's id.
type Piece struct {
	Request events.Request
	Hash    [32]byte // SHA-256 of the event's bytes
}

// Before orders pieces by (ts, hash): negative if p comes first.
func (p *Piece) Before(q *Piece) int {
	switch {
	case p.Request.TS < q.Request.TS:
		return -1
	case p.Request.TS > q.Request.TS:
		return 1
	}
	return strings.Compare(string(p.Hash[:]), string(q.Hash[:]))
}

// Assemble makes one request of its pieces, of which there is at least one, in
// any order: the smallest by (ts, hash), or, when the rules merge, for every
// field the smallest piece that has it.
func (r *Rules) Assemble(pieces []Piece) events.Request {
	if len(pieces) == 1 {
		return pieces[0].Request
	}
	slices.SortFunc(pieces, func(a, b Piece) int { return a.Before(&b) })
	req := pieces[0].Request
	if !r.Merge {
		return req
	}
	req.Features = slices.Clone(req.Features)
	req.Items = slices.Clone(req.Items)
	features, items := make(map[string]bool), make(map[string]bool)
	for i := range pieces {
		complete(&req, &pieces[i].Request, i > 0, features, items)
	}
	return req
}

// complete adds to a request what a later piece has and it does not. The sets
// hold the names of the features and the ids of the items it has; the first
// piece only fills them.
func complete(req, piece *events.Request, add bool, features, items map[string]bool) {
	if add {
		fill(&req.Model, piece.Model)
		fill(&req.ModelVersion, piece.ModelVersion)
		fill(&req.UserID, piece.UserID)
		if !req.HasScore {
			req.Score, req.HasScore = piece.Score, piece.HasScore
		}
	}
	for _, f := range piece.Features {
		if add && !features[f.Name] {
			req.Features = append(req.Features, f)
		}
		features[f.Name] = true
	}
	for _, item := range piece.Items {
		if add && !items[item.ID] {
			req.Items = append(req.Items, item)
		}
		items[item.ID] = true
	}
}

func fill(field *string, from string) {
	if *field == "" {
		*field = from
	}
}
