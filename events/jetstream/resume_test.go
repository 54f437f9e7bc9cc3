package jetstream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// TestTheMarkDecides gives a stream another creation time, as a restore from a
// backup does. It is the same log if it has the newest message that was read.
func TestTheMarkDecides(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*events.Position)
		fault  Fault
		is     bool
	}{
		{name: "the same message", change: func(*events.Position) {}},
		{name: "another message", change: func(p *events.Position) { p.Mark.Sum++ }, fault: FaultRecreated, is: true},
		{name: "stored at another time", change: func(p *events.Position) { p.Mark.Stored++ }, fault: FaultRecreated, is: true},
		{name: "nothing was read", change: func(p *events.Position) { p.Mark, p.Next = events.Mark{}, 1 }, fault: FaultRecreated, is: true},
		{name: "more was read than there is", change: func(p *events.Position) { p.Next = 30; p.Mark.Seq = 29 }, fault: FaultRecreated, is: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			log := find(t, nc, requests("log.>"))
			publish(t, nc, "log.a", 0, 10)
			from := at(log, read(t, open(t, nc, log, 1), 10))
			publish(t, nc, "log.a", 10, 20)
			from.Created = from.Created.Add(-time.Hour)
			c.change(&from)
			s, err := Open(deadline(t), nc, log, 0, from, Options{})
			if c.is {
				wantFault(t, err, c.fault)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			b, err := s.Next(deadline(t))
			if err != nil || b.Created != log.Created {
				t.Fatalf("the source says the stream was created at %s, want %s (%v)", b.Created, log.Created, err)
			}
			if found, err := FindLosses(deadline(t), nc, log, Want{From: from}); err != nil || len(found) > 0 {
				t.Errorf("lost are %+v, %v", found, err)
			}
		})
	}
}

// TestStreamIsRestoredUnderItsReader: the stream has another creation time when the
// server is back. The reader that was connected goes on.
func TestStreamIsRestoredUnderItsReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, dir, 0)
	on := port(t, server)
	nc := dial(t, ConnOptions{URL: server.URL()})
	log := find(t, nc, requests("log.>"))
	publish(t, nc, "log.a", 0, 10)
	s := open(t, nc, log, 1)
	read(t, s, 10)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	s.created = s.created.Add(-time.Hour) // what it was before the restore
	again := serve(t, dir, on)
	publishAt(t, again, "log.a", 10, 15)
	read(t, s, 5)
	if b, err := s.Next(deadline(t)); err != nil || b.Created != log.Created {
		t.Fatalf("created %s, want %s (%v)", b.Created, log.Created, err)
	}
}

// TestForeignMessagesExpire: of a stream that is shared, a proof says that nothing
// of ours is unread up to a sequence; where reading goes on is kept with it, so that
// a start finds nothing missing when the others' messages are gone.
func TestForeignMessagesExpire(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "shared", Subjects: []string{"ours.>", "theirs.>"}})
	log := find(t, nc, requests("ours.>"))
	publish(t, nc, "ours.a", 0, 5)
	publish(t, nc, "theirs.a", 0, 50)
	s := open(t, nc, log, 1)
	messages := read(t, s, 5)
	b, err := s.Next(deadline(t))
	for err == nil && b.ReadThrough == events.MinTime {
		b, err = s.Next(deadline(t))
	}
	if err != nil || b.Through != 55 {
		t.Fatalf("the proof reaches through %d, want 55 (%v)", b.Through, err)
	}
	s.Close()
	if err := stream(t, nc, "shared").Purge(deadline(t), jetstream.WithPurgeSequence(40)); err != nil {
		t.Fatal(err)
	}
	from := at(log, messages)
	if _, err := Open(deadline(t), nc, log, 0, from, Options{}); err == nil {
		t.Fatal("what is gone may have been ours, as far as the position says")
	}
	from.Next = b.Through + 1
	s, err = Open(deadline(t), nc, log, 0, from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
