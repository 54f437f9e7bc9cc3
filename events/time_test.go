package events_test

import (
	"fmt"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

func TestMicroseconds(t *testing.T) {
	for _, c := range []struct {
		ts     events.Time
		micros int64
		begins events.Time
	}{
		{0, 0, 0}, {999, 0, 0}, {1000, 1, 1000}, {-1, -1, -1000}, {-1000, -1, -1000}, {-1001, -2, -2000},
		{events.MaxTime, 9223372036854775, events.MaxTime}, {events.MinTime, -9223372036854776, events.MinTime},
		{events.MinTime + 1, -9223372036854776, events.MinTime + 1}, {events.MaxTime - 1, 9223372036854775, events.MaxTime - 806 - 1},
	} {
		t.Run(fmt.Sprint(int64(c.ts)), func(t *testing.T) {
			if got := c.ts.Micros(); got != c.micros {
				t.Errorf("it lies in microsecond %d, want %d", got, c.micros)
			}
			if got := c.ts.Microsecond(); got != c.begins {
				t.Errorf("its microsecond begins at %d, want %d", got, c.begins)
			}
		})
	}
}
