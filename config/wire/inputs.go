package wire

import (
	"errors"
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/events/mapping"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Feeds are the inputs of a configuration as the engine reads them, in their order. The
// error reports every mapping that is wrong, each with its place.
func Feeds(c *config.Config) ([]engine.Feed, error) {
	var feeds []engine.Feed
	var problems []config.Problem
	for i := range c.Inputs.List {
		in := &c.Inputs.List[i]
		f := engine.Feed{Name: in.Name, HeartbeatRequired: in.Heartbeat == config.HeartbeatRequired}
		for _, kind := range []events.Kind{events.KindRequest, events.KindOutcome} {
			if in.Brings(kind.String()) {
				f.Kinds = append(f.Kinds, kind)
			}
		}
		if !in.Native() {
			m, wrong := mapping.Compile(Spec(c, in))
			for _, err := range wrong {
				problems = append(problems, problemOf(c, in, err))
			}
			f.Codec = m
		}
		feeds = append(feeds, f)
	}
	return feeds, c.Fail(problems...)
}

// Spec is the mapping of an input. An input in labeljoin's own format has none.
func Spec(c *config.Config, in *config.Input) mapping.Spec {
	unit, err := events.ParseUnit(string(in.TimeUnit))
	if err != nil {
		unit = events.UnitAuto // the configuration has been checked
	}
	return mapping.Spec{
		Format: in.Format, Kind: in.Kind, Each: in.Each, Only: in.Only, Map: in.Map, Unit: unit,
		Limits: jsonevent.Decoder{MaxBytes: int(c.Limits.EventBytes), MaxDepth: int(c.Limits.Depth),
			Unnamed: c.Join.Attribute != nil},
	}
}

// problemOf places what is wrong with a mapping.
func problemOf(c *config.Config, in *config.Input, err error) config.Problem {
	part, ok := errors.AsType[*mapping.SpecError](err)
	if !ok {
		return c.Problem("inputs."+in.Name, err.Error())
	}
	p := c.ProblemOf("inputs."+in.Name+"."+part.Part, err)
	p.Message = part.Message
	if near := config.Nearest(part.Unknown, part.Known); part.Unknown != "" && near != "" {
		p.Message += fmt.Sprintf("; did you mean %s?", near)
	}
	return p
}

// Subjects are the subjects of the inputs, as streams are looked for. Feeds are those of
// the configuration, and create says that missing streams are created.
func Subjects(c *config.Config, feeds []engine.Feed, create bool) []jetstream.Input {
	var list []jetstream.Input
	for i := range c.Inputs.List {
		in, feed := &c.Inputs.List[i], &feeds[i]
		one := jetstream.Input{Name: in.Name, Kind: feed.Kinds[0], Mapped: feed.Codec != nil, Create: create}
		for _, subject := range in.Subject {
			one.Subject, one.Stream = subject, ""
			if len(in.Stream) == 0 {
				list = append(list, one)
			}
			for _, stream := range in.Stream {
				one.Stream = stream
				list = append(list, one)
			}
		}
	}
	return list
}

// Inputs are logs as the engine reads them: what each holds of the feeds. How they are
// opened is the caller's.
func Inputs(logs []jetstream.Log, feeds []engine.Feed) []engine.Input {
	inputs := make([]engine.Input, len(logs))
	for i, l := range logs {
		inputs[i] = engine.Input{Name: l.Stream, Created: l.Created, First: l.First, Last: l.Last}
		for _, name := range l.Feeds() {
			feed := feeds[slices.IndexFunc(feeds, func(f engine.Feed) bool { return f.Name == name })]
			inputs[i].Feeds = append(inputs[i].Feeds, feed)
			for _, kind := range feed.Kinds {
				if !slices.Contains(inputs[i].Kinds, kind) {
					inputs[i].Kinds = append(inputs[i].Kinds, kind)
				}
			}
		}
	}
	return inputs
}

// InOrder puts logs that were read before into the order in which they were, and new
// ones behind them: positions count in that order.
func InOrder(logs []jetstream.Log, before []string) []jetstream.Log {
	rank := func(l jetstream.Log) int {
		if i := slices.Index(before, l.Stream); i >= 0 {
			return i
		}
		return len(before)
	}
	logs = slices.Clone(logs)
	slices.SortStableFunc(logs, func(a, b jetstream.Log) int { return rank(a) - rank(b) })
	return logs
}
