package preview

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/mapping"
)

// Record is what an input makes of a part of a message.
type Record struct {
	Stored    events.Time // the broker's time; MinTime: not known
	From      string      // stream, message and subject
	Kind      string      // request or outcome; empty: no event is wanted of it
	RequestID string      // empty: it is not known
	Reason    string      // why it is no event; empty: it is one
	Detail    string
	Data      []byte // the record as it was published
}

// Newest are the newest records of every input, newest first, at most so many of each. The joiner
// reads the same in them. An error is about some of the inputs; the list has the others.
func Newest(ctx context.Context, nc *nats.Conn, cfg *config.Config, most int) (list []Record, err error) {
	p := Preview{Config: cfg, NATS: true}
	chosen, err := p.choose()
	if err != nil {
		return nil, err
	}
	for _, r := range chosen {
		one := *cfg
		one.Inputs.List = []config.Input{*r.input}
		samples, failed := r.newest(ctx, nc, &one, most)
		err = errors.Join(err, failed)
		var found []Record // newest first
		for i := len(samples) - 1; i >= 0 && len(found) < most; i-- {
			records := r.records(&samples[i]) // of one message: a batch has many
			slices.Reverse(records)
			found = append(found, records...)
		}
		list = append(list, found[:min(len(found), most)]...)
	}
	slices.SortStableFunc(list, func(a, b Record) int { return cmp.Compare(b.Stored, a.Stored) })
	return list, err
}

// records are what a message holds.
func (r *reading) records(s *sample) (list []Record) {
	r.each(&s.message, func(d events.Decoded, _ []mapping.Inspected) {
		one := Record{Stored: s.message.Stored, From: s.from, Kind: d.Kind.String(), Data: d.Record}
		if d.Reject != nil {
			one.Reason, one.Detail = d.Reject.Reason, d.Reject.Detail
		} else {
			one.RequestID = r.requestID(&d)
		}
		list = append(list, one)
	})
	if len(list) == 0 {
		list = append(list, Record{Stored: s.message.Stored, From: s.from, Data: s.message.Data})
	}
	return list
}

// requestID is the id of the request that an event is about.
func (r *reading) requestID(d *events.Decoded) string {
	if d.Kind == events.KindRequest {
		if req, err := r.own.DecodeRequest(d.Data); err == nil {
			return req.ID
		}
		return ""
	}
	o, _, err := r.own.DecodeOutcome(d.Data)
	if err != nil {
		return ""
	}
	return o.RequestID
}
