package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// askEvery is how often NATS is asked where the streams end.
const askEvery = 10 * time.Second

// Lag knows where the streams end. While NATS does not answer it keeps what it
// knew.
type Lag struct {
	mu   sync.Mutex
	last map[string]uint64 // sequence of the newest message, by stream
}

// Watch asks until ctx ends.
func (l *Lag) Watch(ctx context.Context, nc *nats.Conn, inputs []engine.Input) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for i := range inputs {
			if !inputs[i].IsRetired() { // no one reads what is behind in it
				l.ask(ctx, nc, inputs[i].Name)
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (l *Lag) ask(ctx context.Context, nc *nats.Conn, stream string) {
	ctx, cancel := context.WithTimeout(ctx, askEvery/2)
	defer cancel()
	last, err := jetstream.LastSeq(ctx, nc, stream)
	if err != nil {
		return // the connection says what is wrong with it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[string]uint64{}
	}
	l.last[stream] = last
}

// Behind is how many messages of each stream an engine has not read.
func (l *Lag) Behind(s engine.Stats) map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := map[string]uint64{}
	for _, p := range s.Progress.Inputs {
		if last, ok := l.last[p.Input]; ok {
			behind[p.Input] = max(p.Next, last+1) - p.Next
		}
	}
	return behind
}

// WatchInputs tells of inputs that are behind the others, and when they are no more,
// until ctx ends. lateness is the join's.
func (h *Holds) WatchInputs(ctx context.Context, stats func() engine.Stats, lateness time.Duration) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	before := map[string]events.Hold{}
	for {
		s := stats()
		now := map[string]events.Hold{}
		if s.Joining {
			now = silentInputs(&s.Progress.Clock, lateness)
		}
		for what := range before {
			if !now[what].On() {
				h.Set(what, events.Hold{})
			}
		}
		for what, why := range now {
			h.Set(what, why)
		}
		before = now
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
