package wire

import (
	"slices"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Feeds are the inputs of a configuration as the engine reads them, in their order.
func Feeds(c *config.Config) ([]engine.Feed, error) {
	var feeds []engine.Feed
	for i := range c.Inputs.List {
		in := &c.Inputs.List[i]
		f := engine.Feed{Name: in.Name, HeartbeatRequired: in.Heartbeat == config.HeartbeatRequired}
		switch in.Kind {
		case config.KindRequest:
			f.Kinds = []events.Kind{events.KindRequest}
		case config.KindOutcome:
			f.Kinds = []events.Kind{events.KindOutcome}
		}
		feeds = append(feeds, f)
	}
	return feeds, nil
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
