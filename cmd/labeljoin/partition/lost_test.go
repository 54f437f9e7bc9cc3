package partition_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// TestTimesOfLostEvents holds that clicks which were lost between 10:00 and 10:02 are
// within what is declared, whatever the broker's clock said before and after, and
// whenever the events were published.
func TestTimesOfLostEvents(t *testing.T) {
	cfg, err := config.Decode("c.yaml", []byte("name: feed\nlabels: {clicked: 'type == \"click\"'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	times, err := partition.NewLostTimes(cfg, []jetstream.Log{{Stream: "log"}}, events.MinTime)
	if err != nil {
		t.Fatal(err)
	}
	base := events.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	const second, minute, hour = time.Second, time.Minute, time.Hour
	// click is a click of a time that the broker stored at another, both from the base.
	click := func(ts, stored time.Duration) events.Message {
		return events.Message{Kind: events.KindOutcome, Seq: 1, Stored: base.Add(stored),
			Data: fmt.Appendf(nil, `{"request_id":"r","type":"click","ts":"%s"}`, base.Add(ts))}
	}
	foreign := events.Message{Kind: events.KindOutcome, Seq: 1, Stored: base, Data: []byte("no event")}
	const unknown = time.Duration(-1 << 62)
	for _, c := range []struct {
		name          string
		before        []events.Message // newest last; its stored time begins the loss
		after         []events.Message
		broker, now   time.Duration // what the clocks of the broker and this machine say, where nothing follows
		reached       time.Duration // by what was read
		from, through time.Duration
	}{
		{name: "right clocks", before: []events.Message{click(0, second)}, after: []events.Message{click(2*minute, 2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "one that came late before, and one that comes late after", before: []events.Message{click(0, second), click(-hour, second)}, after: []events.Message{click(-hour, 2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "the broker was ahead before", before: []events.Message{click(0, 3*hour)}, after: []events.Message{click(2*minute, 2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "the broker is ahead all along", before: []events.Message{click(0, 3*hour)}, after: []events.Message{click(2*minute, 3*hour+2*minute)}, reached: 0, from: 0, through: 3*hour + 2*minute},
		{name: "the broker is behind after", before: []events.Message{click(0, 0)}, after: []events.Message{click(2*minute, -2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "the broker is behind all along", before: []events.Message{click(0, -4*minute)}, after: []events.Message{click(2*minute, -2*minute)}, reached: 0, from: -4 * minute, through: 2 * minute},
		{name: "old events are published today", before: []events.Message{click(0, 9*hour)}, after: []events.Message{click(2*minute, 9*hour+second)}, reached: 0, from: 0, through: 9*hour + second},
		{name: "a fast producer before", before: []events.Message{click(4*minute, 0)}, after: []events.Message{click(2*minute, 2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "one from 2099 after", before: []events.Message{click(0, 0)}, after: []events.Message{click(9000*hour, 2*minute)}, reached: 0, from: 0, through: 2 * minute},
		{name: "nothing follows", before: []events.Message{click(0, 0)}, broker: 2 * minute, now: 2 * minute, reached: 0, from: 0, through: 2 * minute},
		{name: "nothing follows, and the broker is behind", before: []events.Message{click(0, 0)}, broker: -2 * minute, now: 2 * minute, reached: 0, from: 0, through: 2 * minute},
		{name: "nothing follows, and this machine is two days ahead", before: []events.Message{click(0, 0)}, broker: 2 * minute, now: 48 * hour, reached: 0, from: 0, through: 7 * minute},
		{name: "nothing that is there before tells", before: []events.Message{foreign}, after: []events.Message{click(2*minute, 2*minute)}, reached: -second, from: -second, through: 2 * minute},
		{name: "the broker is set back, and nothing that follows tells", before: []events.Message{click(0, 0)}, after: []events.Message{{Kind: events.KindOutcome, Seq: 9, Stored: base.Add(-2 * minute), Data: []byte("no event")}}, reached: 0, from: 0, through: 0},
		{name: "nothing at all tells", before: []events.Message{foreign}, after: []events.Message{foreign}, reached: unknown, from: 0, through: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := times[0]
			at.Now = base.Add(c.now)
			loss := jetstream.Loss{From: c.before[len(c.before)-1].Stored, To: base.Add(c.broker), Before: c.before}
			if len(c.after) > 0 {
				loss.After, loss.To = &c.after[0], c.after[0].Stored
			}
			reached := events.MaxTime
			if c.reached != unknown {
				reached = base.Add(c.reached)
			}
			if from, to := at.Span(&loss, reached); from != base.Add(c.from) || to != base.Add(c.through) {
				t.Errorf("the lost events were of %s to %s, want %s to %s", from, to, base.Add(c.from), base.Add(c.through))
			}
		})
	}
}
