package ingest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/labeljoin/labeljoin/events"
)

// A broker that syncs every message to disk stores a few hundred messages a second, however
// small they are. So what comes while messages of an input are on their way waits for them,
// and is stored together, as one message. Who is alone never waits.

const (
	// mostUnderWay is how many messages of an input are on their way at once before others
	// wait: one that the broker stores, and one that it has at hand next.
	mostUnderWay = 2
	// mostTogether is how large a message is that holds the events of several requests.
	mostTogether = 512 << 10
	// mostWait is how long a message waits for others, before its producer is told that the
	// broker is slow: as long as a message waits for the broker's answer.
	mostWait = 5 * time.Second
)

// gather puts messages together.
type gather struct {
	mu       sync.Mutex
	underWay int
	waiting  []*parcel
}

// parcel is the message of one request.
type parcel struct {
	message events.Outgoing
	done    chan struct{} // closed when the rest is known
	copies  int
	err     error
}

// store returns when a message of JSON without headers is stored, alone or with others.
func (g *gather) store(ctx context.Context, name string, log Log, message *events.Outgoing) (copies int, err error) {
	g.mu.Lock()
	if g.underWay < mostUnderWay {
		g.underWay++
		g.mu.Unlock()
		defer g.next(name, log)
		return log.Append(ctx, []events.Outgoing{*message})
	}
	p := &parcel{message: *message, done: make(chan struct{})}
	g.waiting = append(g.waiting, p)
	g.mu.Unlock()
	late, stop := context.WithTimeout(ctx, mostWait)
	defer stop()
	select {
	case <-p.done:
		return p.copies, p.err
	case <-late.Done():
	}
	if !g.withdraw(p) && ctx.Err() == nil { // it is on its way, which has a bound
		<-p.done
		return p.copies, p.err
	}
	return 0, &events.StoreError{Fault: events.FaultSlow, Reason: "the events were not stored in time"}
}

// withdraw takes a message from those that wait; it reports whether it was among them. A
// producer that hangs up again and again must not fill the memory.
func (g *gather) withdraw(p *parcel) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, p)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// next is called when a message is not under way any more: those that wait for it follow.
func (g *gather) next(name string, log Log) {
	g.mu.Lock()
	defer g.mu.Unlock()
	most := min(mostTogether, log.MaxBytes())
	size, n := 0, 0
	for _, p := range g.waiting {
		if size += len(p.message.Data) + 2; n > 0 && size > most {
			break
		}
		n++
	}
	if n == 0 {
		g.underWay--
		return
	}
	together := slices.Clone(g.waiting[:n])
	g.waiting = g.waiting[n:]
	go g.send(name, log, together) // ends when the log has answered, which has a bound
}

// send stores messages as one.
func (g *gather) send(name string, log Log, together []*parcel) {
	defer g.next(name, log)
	message := together[0].message
	if len(together) > 1 {
		message.Data, message.Events = nil, 0
		for _, p := range together {
			message.Data = appendElements(message.Data, p.message.Data)
			message.Events += p.message.Events
		}
		message.Data = append(message.Data, ']')
		if message.ID != "" {
			message.ID = copyID(name, "", message.Data)
		}
	}
	copies, err := log.Append(context.Background(), []events.Outgoing{message})
	for _, p := range together {
		if p.err = err; copies > 0 {
			p.copies = p.message.Events
		}
		close(p.done)
	}
}

// appendElements appends what joined made, which is one value or an array, to an array.
func appendElements(array, data []byte) []byte {
	if len(array) == 0 {
		array = append(array, '[')
	} else {
		array = append(array, ',')
	}
	if data[0] == '[' {
		data = data[1 : len(data)-1]
	}
	return append(array, data...)
}
