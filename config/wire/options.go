package wire

import (
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Reading is how events are read, by the rules of the configuration: what it says to the engine, and its feeds.
func Reading(c *config.Config) (o engine.Options, feeds []engine.Feed, err error) {
	rules, err := Rules(c)
	if err != nil {
		return o, nil, err
	}
	if o, err = Options(c, rules); err != nil {
		return o, nil, err
	}
	feeds, err = Feeds(c)
	return o, feeds, err
}

// Options is what the configuration says to the engine. Inputs, store, output,
// publisher, log and nonce are the caller's. An error is an unknown time unit.
func Options(c *config.Config, rules joiner.Rules) (engine.Options, error) {
	o := engine.Options{
		Name: c.Name, Rules: rules, RulesHash: c.Fingerprint(),
		MaxFuture: c.Join.MaxFuture.Std(), MaxAge: c.Join.MaxAge.Std(),
		OutcomesPerRequest: int(c.Limits.OutcomesPerRequest),
		Producer:           c.Monitor.Producer,
		Roll: engine.Roll{
			Interval: c.Output.Roll.Interval.Std(), Rows: c.Output.Roll.Rows, Bytes: int64(c.Output.Roll.Size),
		},
	}
	if d := c.Export.Daily; d != nil {
		if o.DayAfter = d.After.Std(); c.Export.Settle == config.ExportSettleCorrections {
			o.DayAfter += rules.Retention()
		}
	}
	for kind := range o.Decoders {
		o.HeartbeatRequired[kind] = needsHeartbeats(c, events.Kind(kind))
		unit, err := events.ParseUnit(string(unitOf(c, events.Kind(kind))))
		if err != nil {
			return o, err
		}
		o.Decoders[kind] = jsonevent.Decoder{
			Unit: unit, Separator: c.Features.Separator,
			MaxBytes: int(c.Limits.EventBytes), MaxDepth: int(c.Limits.Depth),
		}
	}
	o.Decoders[events.KindOutcome].Unnamed = rules.Attribute != nil
	return o, nil
}

// needsHeartbeats reports whether all inputs of a kind say that their silence proves
// nothing. Where only some do, their feeds have it.
func needsHeartbeats(c *config.Config, kind events.Kind) bool {
	some := false
	for i := range c.Inputs.List {
		if in := &c.Inputs.List[i]; in.Brings(kind.String()) {
			if in.Heartbeat != config.HeartbeatRequired {
				return false
			}
			some = true
		}
	}
	return some
}

// unitOf is the unit of timestamps in events of a kind that come in labeljoin's own
// format. The configuration has checked that it is the same in all inputs.
func unitOf(c *config.Config, kind events.Kind) config.TimeUnit {
	for i := range c.Inputs.List {
		if in := &c.Inputs.List[i]; in.Native() && in.Kind == kind.String() {
			return in.TimeUnit
		}
	}
	return config.TimeAuto
}
