package ingest

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// ConnBound keeps the number of a server's connections within a bound: a new
// one takes the place of the one that has waited longest for its client. Where
// all are busy, the new one is closed.
type ConnBound struct {
	Most int // connections

	mu   sync.Mutex
	open []*boundConn // oldest first
}

type boundConn struct {
	conn net.Conn
	busy bool // a request is being read or answered
}

// Watch implements http.Server.ConnState.
func (b *ConnBound) Watch(conn net.Conn, state http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.open, func(c *boundConn) bool { return c.conn == conn })
	switch {
	case state == http.StateNew:
		if len(b.open) >= b.Most && !b.makeRoom() {
			_ = conn.Close() // the client sees that it was closed
			return
		}
		b.open = append(b.open, &boundConn{conn: conn})
	case at < 0: // it made room for another
	case state == http.StateClosed || state == http.StateHijacked:
		b.open = slices.Delete(b.open, at, at+1)
	default:
		b.open[at].busy = state == http.StateActive
	}
}

// Open is how many connections there are.
func (b *ConnBound) Open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open)
}

// makeRoom closes the oldest connection that is idle.
func (b *ConnBound) makeRoom() bool {
	at := slices.IndexFunc(b.open, func(c *boundConn) bool { return !c.busy })
	if at < 0 {
		return false
	}
	_ = b.open[at].conn.Close() // it is idle, so nothing is lost by it
	b.open = slices.Delete(b.open, at, at+1)
	return true
}
