package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// Attribute measures what it costs that outcomes name no request: one backlog is joined by
// turns, by outcomes that name their requests, and by outcomes that name their users.
type Attribute struct {
	Live
	Turns int // of each
}

// attributeResult is what bench live --attribute prints.
type attributeResult struct {
	Named   []*liveResult `json:"named"`
	Unnamed []*liveResult `json:"unnamed"`
	Ratio   float64       `json:"ratio"`     // events a second, unnamed to named, each at its fastest
	CPU     float64       `json:"cpu_ratio"` // of an event, likewise, each where it used least
}

func (r *attributeResult) Lines() []string {
	var lines []string
	for i, named := range r.Named {
		lines = append(lines, turnLine("outcomes name their requests", named), turnLine("outcomes name their users",
			r.Unnamed[i]))
	}
	return append(lines,
		fmt.Sprintf("%d requests, %d outcomes; attribution joins %.2f of the events a second, and uses %.2f of the CPU, each in its best turn",
			r.Named[0].Rows, r.Named[0].Events-r.Named[0].Rows, r.Ratio, r.CPU))
}

func turnLine(what string, r *liveResult) string {
	return fmt.Sprintf("%-30s %9.0f events/s, %.1f us of CPU an event, peak memory %.0f MiB", what, r.EndToEndPerS,
		r.CPUMicros, float64(r.PeakBytes)/(1<<20))
}

// unnamedSubject has the outcomes without their requests.
const unnamedSubject = "bench.unnamed"

// attributeServer holds the backlog, and joins nothing; the turns read it as clients.
const attributeServer = `name: bench
nats: {embedded: true, port: 0, auth: none}
inputs:
  requests: {subject: "bench.requests"}
  outcomes: {subject: "bench.outcomes"}
  unnamed: {subject: "bench.unnamed", kind: outcome}
labels:
  clicked: {when: 'type == "click"'}
log: {level: warn}
`

// attributeTurn is benchConfig beside a server that runs already.
const attributeTurn = `name: bench
nats: {url: %[2]q}
inputs:
  requests: {subject: "bench.requests"}
  %[3]s
join:
  window: %[1]dms
  lateness: 1s
  corrections: %[1]dms
  %[4]s
labels:
  clicked: {when: 'type == "click"'}
output: {roll: {interval: 2s}}
log: {level: warn}
`

// Run publishes the backlog, and joins it by turns.
func (b *Attribute) Run(ctx context.Context) (result *attributeResult, err error) {
	clean, err := workDir(&b.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clean()) }()
	server, err := b.service(filepath.Join(b.Dir, "server"), attributeServer)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := server.Connect(ctx); err != nil {
		return nil, err
	}
	span, window := backlogTimes(b.Requests)
	begin := time.Now().Add(-span - 5*window - 5*time.Second) // as Live has it
	var published liveResult
	if err := b.publish(ctx, server, begin, window, &published, true); err != nil {
		return nil, err
	}
	result = &attributeResult{}
	for turn := range b.Turns {
		dir := func(name string) string { return filepath.Join(b.Dir, fmt.Sprint(name, turn)) }
		named := fmt.Sprintf(attributeTurn, window.Milliseconds(), server.Server.URL(),
			`outcomes: {subject: "bench.outcomes"}`, "")
		if err := b.turn(ctx, dir("named"), named, &published, &result.Named); err != nil {
			return nil, err
		}
		unnamed := fmt.Sprintf(attributeTurn, window.Milliseconds(), server.Server.URL(),
			`unnamed: {subject: "bench.unnamed", kind: outcome}`, "attribute: {to: last, by: {user_id: attrs.user}}")
		if err := b.turn(ctx, dir("unnamed"), unnamed, &published, &result.Unnamed); err != nil {
			return nil, err
		}
	}
	result.Ratio = mostPerSOf(result.Unnamed) / mostPerSOf(result.Named)
	result.CPU = leastCPUOf(result.Unnamed) / leastCPUOf(result.Named)
	return result, nil
}

// service makes a joiner with a folder of its own.
func (b *Attribute) service(dir, config string) (*partition.Service, error) {
	if err := partition.FreshDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "labeljoin.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	cfg, err := partition.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	return &partition.Service{Config: cfg, Log: terminal.NewLog(cfg.Log, b.Talk), Ephemeral: true}, nil
}

// turn joins the backlog once, and adds what it measured.
func (b *Attribute) turn(ctx context.Context, dir, config string, published *liveResult,
	to *[]*liveResult) (err error) {
	s, err := b.service(dir, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Connect(ctx); err != nil {
		return err
	}
	result := *published
	*to = append(*to, &result)
	return b.joinAll(ctx, s, &result)
}

// mostPerSOf is how many events a second the fastest turn joined.
func mostPerSOf(turns []*liveResult) float64 {
	fastest := slices.MaxFunc(turns, func(a, b *liveResult) int { return cmp.Compare(a.EndToEndPerS, b.EndToEndPerS) })
	return fastest.EndToEndPerS
}

// leastCPUOf is the CPU of an event, in microseconds, in the turn that used least.
func leastCPUOf(turns []*liveResult) float64 {
	return slices.MinFunc(turns, func(a, b *liveResult) int { return cmp.Compare(a.CPUMicros, b.CPUMicros) }).CPUMicros
}
