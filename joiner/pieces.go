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

// before orders pieces by (ts, hash).
func (p *Piece) before(q *Piece) int {
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
	slices.SortFunc(pieces, func(a, b Piece) int { return a.before(&b) })
	req := pieces[0].Request
	if !r.Merge {
		return req
	}
	req.Features = slices.Clone(req.Features)
	req.Items = slices.Clone(req.Items)
	for i := range pieces[1:] {
		complete(&req, &pieces[i+1].Request)
	}
	return req
}

// complete adds to a request what a later piece has and it does not.
func complete(req, piece *events.Request) {
	fill(&req.Model, piece.Model)
	fill(&req.ModelVersion, piece.ModelVersion)
	fill(&req.UserID, piece.UserID)
	if !req.HasScore {
		req.Score, req.HasScore = piece.Score, piece.HasScore
	}
	for _, f := range piece.Features {
		has := func(g events.Field) bool { return g.Name == f.Name }
		if !slices.ContainsFunc(req.Features, has) {
			req.Features = append(req.Features, f)
		}
	}
	for _, item := range piece.Items {
		has := func(other events.Item) bool { return other.ID == item.ID }
		if !slices.ContainsFunc(req.Items, has) {
			req.Items = append(req.Items, item)
		}
	}
}

func fill(field *string, from string) {
	if *field == "" {
		*field = from
	}
}
