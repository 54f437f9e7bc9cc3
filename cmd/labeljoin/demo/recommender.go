package demo

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// sent is what a recommender has published.
type sent struct {
	requests, requestsTwice int
	outcomes, outcomesTwice int
	late, orphans           int
}

// recommender simulates a shop's home page: slates of items, clicks with
// lognormal delays, now and then a purchase, and the troubles of real streams:
// duplicates, events that come late, outcomes of requests that never came.
type recommender struct {
	js    jetstream.JetStream
	rate  int
	rand  *rand.Rand
	queue schedule
	sent  sent
}

func newRecommender(nc *nats.Conn, rate int) (*recommender, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4000))
	if err != nil {
		return nil, err
	}
	return &recommender{js: js, rate: rate, rand: rand.New(rand.NewPCG(2026, 11))}, nil
}

// item is one of the shop's things.
type item struct {
	ID       string  `json:"item_id"`
	Position int     `json:"position"`
	Score    float64 `json:"score"`
	Features any     `json:"features"`
}

// Run publishes for so long, in real time.
func (r *recommender) Run(ctx context.Context, long time.Duration, talk io.Writer) (sent, error) {
	progress := terminal.NewProgress(talk)
	start := time.Now()
	for n := 0; time.Since(start) < long && ctx.Err() == nil; {
		due := int(time.Since(start).Seconds() * float64(r.rate))
		for ; n < due; n++ {
			if err := r.request(n, time.Now()); err != nil {
				return r.sent, err
			}
		}
		if err := r.publishDue(time.Now()); err != nil {
			return r.sent, err
		}
		progress.Show(fmt.Sprintf("published %d requests, %d outcomes", r.sent.requests, r.sent.outcomes),
			long-time.Since(start))
		time.Sleep(5 * time.Millisecond)
	}
	progress.End()
	// What was clicked within the last seconds is still on its way.
	for len(r.queue) > 0 && ctx.Err() == nil && time.Since(start) < long+2*time.Second {
		if err := r.publishDue(time.Now()); err != nil {
			return r.sent, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case <-r.js.PublishAsyncComplete():
		return r.sent, nil
	case <-time.After(10 * time.Second):
		return r.sent, fmt.Errorf("the embedded server did not acknowledge all messages")
	}
}

// request publishes a slate and plans what the visitor does with it.
func (r *recommender) request(n int, now time.Time) error {
	id := fmt.Sprintf("req-%06d", n)
	items := make([]item, 3+r.rand.IntN(4))
	for i := range items {
		items[i] = item{
			ID: fmt.Sprintf("item-%03d", r.rand.IntN(500)*7%500+i), Position: i + 1,
			Score: math.Round(r.rand.Float64()*1e4) / 1e4,
			Features: map[string]any{"price": 5 + r.rand.IntN(95),
				"category": []string{"shoes", "shirts", "hats"}[r.rand.IntN(3)]},
		}
	}
	event := map[string]any{
		"request_id": id, "ts": now.UnixMilli(), "model": "ranker", "model_version": "v7",
		"user_id": fmt.Sprintf("user-%04d", r.rand.IntN(2000)), "items": items,
		"features": map[string]any{"device": []string{"phone", "desktop"}[r.rand.IntN(2)], "hour": now.Hour(),
			"returning": r.rand.IntN(3) == 0},
	}
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	r.sent.requests++
	if r.rand.IntN(100) == 0 {
		heap.Push(&r.queue, planned{at: now.Add(200 * time.Millisecond), subject: "demo.requests", data: data,
			counts: []*int{&r.sent.requestsTwice}})
	}
	for _, it := range items {
		// The higher on the page, the likelier a click.
		if r.rand.Float64() < 0.12/float64(it.Position) {
			r.click(id, it, now)
		}
	}
	if r.rand.IntN(300) == 0 {
		r.outcome("req-unknown", "click", items[0].ID, now, 0, nil, &r.sent.orphans)
	}
	return r.publish("demo.requests", data)
}

// click plans a click after a lognormal delay with a median of 0.6 s, and now
// and then a purchase soon after it. One in fifty comes seconds late.
func (r *recommender) click(id string, it item, now time.Time) {
	delay := time.Duration(600 * math.Exp(0.8*r.rand.NormFloat64()) * float64(time.Millisecond))
	held, counts := time.Duration(0), []*int(nil)
	if r.rand.IntN(50) == 0 {
		held, counts = 5*time.Second, []*int{&r.sent.late}
	}
	r.outcome(id, "click", it.ID, now.Add(delay), held, nil, counts...)
	if r.rand.IntN(5) == 0 {
		price := float64(5+r.rand.IntN(95)) + 0.99
		r.outcome(id, "purchase", it.ID, now.Add(delay+300*time.Millisecond), held, &price, counts...)
	}
}

// outcome plans an outcome that happens at a time and is published held later.
func (r *recommender) outcome(id, kind, itemID string, at time.Time, held time.Duration, value *float64,
	counts ...*int) {
	event := map[string]any{
		"request_id": id, "outcome_id": fmt.Sprintf("%s-%s-%s", id, kind,
			itemID), "type": kind, "item_id": itemID, "ts": at.UnixMilli(),
	}
	if value != nil {
		event["value"] = *value
	}
	data, err := json.Marshal(event)
	if err != nil {
		return // strings and numbers always encode
	}
	counts = append(counts, &r.sent.outcomes)
	heap.Push(&r.queue, planned{at: at.Add(held), subject: "demo.outcomes", data: data, counts: counts})
	if r.rand.IntN(50) == 0 {
		heap.Push(&r.queue, planned{
			at: at.Add(held + 100*time.Millisecond), subject: "demo.outcomes", data: data, counts: []*int{&r.sent.outcomesTwice},
		})
	}
}

func (r *recommender) publishDue(now time.Time) error {
	for len(r.queue) > 0 && !r.queue[0].at.After(now) {
		p := heap.Pop(&r.queue).(planned)
		if err := r.publish(p.subject, p.data); err != nil {
			return err
		}
		for _, count := range p.counts {
			*count++
		}
	}
	return nil
}

func (r *recommender) publish(subject string, data []byte) error {
	_, err := r.js.PublishAsync(subject, data, jetstream.WithStallWait(10*time.Second))
	return err
}

// planned is a message to be published at a time.
type planned struct {
	at      time.Time
	subject string
	data    []byte
	counts  []*int // what is one more once it is published
}

// schedule is a heap of what is planned, soonest first.
type schedule []planned

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(planned)) }
func (s *schedule) Pop() any {
	last := len(*s) - 1
	p := (*s)[last]
	*s = (*s)[:last]
	return p
}
