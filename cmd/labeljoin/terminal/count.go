package terminal

import "github.com/labeljoin/labeljoin/events"

// Count is events.Count.
func Count[N ~int | ~int64 | ~uint64](n N, one string) string { return events.Count(n, one) }
