package wire

import (
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// Options is what the configuration says to the engine. Inputs, store, output,
// publisher, log and nonce are the caller's. An error is an unknown time unit.
func Options(c *config.Config, rules joiner.Rules) (engine.Options, error) {
	o := engine.Options{
		Name: c.Name, Rules: rules, RulesHash: c.Fingerprint(),
		MaxFuture: c.Join.MaxFuture.Std(), MaxAge: c.Join.MaxAge.Std(),
		OutcomesPerRequest: int(c.Limits.OutcomesPerRequest),
		Roll: engine.Roll{
			Interval: c.Output.Roll.Interval.Std(), Rows: c.Output.Roll.Rows, Bytes: int64(c.Output.Roll.Size),
		},
	}
	o.HeartbeatRequired[events.KindOutcome] = c.Inputs.Outcomes.Heartbeat == config.HeartbeatRequired
	units := [events.Kinds]config.TimeUnit{c.Inputs.Requests.TimeUnit, c.Inputs.Outcomes.TimeUnit}
	for kind := range o.Decoders {
		unit, err := events.ParseUnit(string(units[kind]))
		if err != nil {
			return o, err
		}
		o.Decoders[kind] = events.Decoder{
			Unit: unit, Separator: c.Features.Separator,
			MaxBytes: int(c.Limits.EventBytes), MaxDepth: int(c.Limits.Depth),
		}
	}
	return o, nil
}
