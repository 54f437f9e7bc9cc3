package jetstream

import (
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// delivered is what the reply subject of a delivered message says about it.
type delivered struct {
	stream   uint64 // its sequence in the stream
	consumer uint64 // its sequence in the consumer, dense from 1
	stored   events.Time
}

// parseReply reads the reply subject of a delivered message, in either of its
// two forms (ADR-15 of nats-architecture-and-design):
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<stored>.<pending>
//	$JS.ACK.<domain>.<account hash>.<stream>. ... .<pending>[.<random>]
//
// The client library parses it too, but allocates for every message.
func parseReply(reply string) (delivered, bool) {
	const prefix, oldForm, newForm = "$JS.ACK.", 9, 11
	if !strings.HasPrefix(reply, prefix) {
		return delivered{}, false
	}
	skip := 3 // stream, consumer, delivered
	switch tokens := strings.Count(reply, ".") + 1; {
	case tokens >= newForm:
		skip += 2
	case tokens != oldForm:
		return delivered{}, false
	}
	rest := reply[len(prefix):]
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [3]uint64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		n, ok := parseNumber(token)
		if !ok {
			return delivered{}, false
		}
		numbers[i] = n
	}
	if numbers[0] == 0 || numbers[1] == 0 || numbers[2] > uint64(events.MaxTime) {
		return delivered{}, false
	}
	return delivered{stream: numbers[0], consumer: numbers[1], stored: events.Time(numbers[2])}, true
}

// parseNumber reads decimal digits that fit a uint64.
func parseNumber(digits string) (uint64, bool) {
	const most = 19 // digits that always fit
	if digits == "" || len(digits) > most {
		return 0, false
	}
	var n uint64
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}
