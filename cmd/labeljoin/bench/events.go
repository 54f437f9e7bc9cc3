package bench

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
)

// eventsResult is what bench events prints.
type eventsResult struct {
	Requests int64 `json:"requests"`
	Outcomes int64 `json:"outcomes"`
	WindowMS int64 `json:"window_ms"` // an outcome counts that comes at most as late as this
}

func (r *eventsResult) Lines() []string {
	return []string{fmt.Sprintf("%d requests and %d outcomes, to be joined with a window of %d ms", r.Requests,
		r.Outcomes, r.WindowMS)}
}

// WriteEvents writes requests and outcomes, outcomes for each request, as files into dir, with a configuration that
// joins them.
func WriteEvents(requests int, outcomes float64, dir string) (result *eventsResult, err error) {
	if err := partition.FreshDir(dir); err != nil {
		return nil, err
	}
	_, window := backlogTimes(requests)
	result = &eventsResult{WindowMS: window.Milliseconds()}
	config := fmt.Appendf(nil, benchConfig, window.Milliseconds())
	if err := os.WriteFile(filepath.Join(dir, "labeljoin.yaml"), config, 0o644); err != nil {
		return nil, err
	}
	asked, came, err := openBoth(dir)
	if err != nil {
		return nil, err
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	err = eachEvent(requests, outcomes, begin, window,
		func(event []byte) error { result.Requests++; return asked.Add(event) },
		func(event []byte) error { result.Outcomes++; return came.Add(event) }, nil)
	return result, errors.Join(err, asked.Close(), came.Close())
}

func openBoth(dir string) (requests, outcomes *lineFile, err error) {
	if requests, err = createLines(filepath.Join(dir, "requests.jsonl")); err != nil {
		return nil, nil, err
	}
	if outcomes, err = createLines(filepath.Join(dir, "outcomes.jsonl")); err != nil {
		return nil, nil, errors.Join(err, requests.Close())
	}
	return requests, outcomes, nil
}

// lineFile is a file of one event a line.
type lineFile struct {
	file *os.File
	w    *bufio.Writer
}

func createLines(path string) (*lineFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &lineFile{file: f, w: bufio.NewWriterSize(f, 1<<20)}, nil
}

func (l *lineFile) Add(event []byte) error {
	_, err := l.w.Write(append(event, '\n'))
	return err
}

func (l *lineFile) Close() error { return errors.Join(l.w.Flush(), l.file.Close()) }

// benchRate is how many requests a second of event time holds.
const benchRate = 10_000

// benchWindow is the join window of a large backlog, in event time.
const benchWindow = 20 * time.Second

// backlogTimes is how long a backlog of so many requests lasts in event time, and
// the window it is joined with.
func backlogTimes(requests int) (span, window time.Duration) {
	span = time.Duration(requests) * time.Second / benchRate
	return span, max(min(span/5, benchWindow), time.Second)
}

// eachEvent makes a backlog: all requests in order of time, then the outcomes in
// order of theirs, once with the ids of their requests and, unless unnamed is nil, once with
// their users instead.
func eachEvent(requests int, outcomes float64, begin time.Time, window time.Duration, request, outcome,
	unnamed func([]byte) error) error {
	g := generator{rand: rand.New(rand.NewPCG(7, 7)), begin: begin}
	var users []int32 // of the requests
	for n := range requests {
		if err := request(g.request(n)); err != nil {
			return err
		}
		if unnamed != nil {
			users = append(users, int32(g.user))
		}
	}
	// Delays are all the same, so that outcomes sort as their requests do.
	due := 0.0
	for n := range requests {
		for due += outcomes; due >= 1; due-- {
			if err := outcome(g.outcome(n, window/2)); err != nil {
				return err
			}
			if unnamed == nil {
				continue
			}
			if err := unnamed(g.unnamed(users[n], n, window/2)); err != nil {
				return err
			}
		}
	}
	return nil
}

// generator makes the events of the reference workload: requests of 709 bytes,
// outcomes of about 150.
type generator struct {
	rand  *rand.Rand
	begin time.Time
	user  int // of the newest request
}

func (g *generator) at(n int) time.Time {
	return g.begin.Add(time.Duration(n) * time.Second / benchRate)
}

func (g *generator) request(n int) []byte { return g.body(requestID(n), g.at(n)) }

// body is a request of an id of 36 bytes.
func (g *generator) body(id string, at time.Time) []byte {
	const size = 709
	g.user = g.rand.IntN(1e6)
	b := fmt.Appendf(nil, `{"request_id":"%s","ts":%d,"model":"ranker","model_version":"2026-11-01","user_id":"user-%07d","score":%.6f,"features":{`,
		id, at.UnixMilli(), g.user, g.rand.Float64())
	for i := 0; len(b) < size-40; i++ {
		switch i % 4 {
		case 0, 1:
			b = fmt.Appendf(b, `"f%02d":%.6f,`, i, g.rand.Float64())
		case 2:
			b = fmt.Appendf(b, `"n%02d":%d,`, i, g.rand.IntN(1000))
		default:
			b = fmt.Appendf(b, `"c%02d":"category-%d",`, i, g.rand.IntN(20))
		}
	}
	b = append(b, `"pad":"`...)
	for len(b) < size-3 {
		b = append(b, 'x')
	}
	return append(b, `"}}`...)
}

func (g *generator) outcome(n int, delay time.Duration) []byte {
	return g.click(requestID(n), n, g.at(n).Add(delay))
}

// unnamed is the n-th outcome as a producer sends it that knows the user and no request.
func (g *generator) unnamed(user int32, n int, delay time.Duration) []byte {
	return fmt.Appendf(nil, `{"outcome_id":"o-%09d","type":"click","ts":%d,"value":%d,"attrs":{"user":"user-%07d"}}`,
		n, g.at(n).Add(delay).UnixMilli(), n%100, user)
}

// click is the n-th outcome, of a request.
func (g *generator) click(request string, n int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"request_id":"%s","outcome_id":"o-%09d","type":"click","ts":%d,"value":%d}`,
		request, n, at.UnixMilli(), g.rand.IntN(100))
}

// requestID is as long as a UUID and as random, and a function of n.
func requestID(n int) string {
	h := uint64(n)*0x9e3779b97f4a7c15 + 1
	h ^= h >> 31
	k := h * 0xbf58476d1ce4e5b9
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", uint32(h), uint16(h>>32), uint16(h>>48), uint16(k), k>>16)
}
