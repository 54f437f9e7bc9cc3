package partition

import (
	"fmt"
	"io"
	"slices"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// InPlace puts inputs into the order in which positions count, with those among them that were read
// before and are retired. New ones come last.
func InPlace(inputs []engine.Input, before []events.Position, retired []string) []engine.Input {
	inputs = slices.Clone(inputs)
	var list []engine.Input
	for _, at := range before {
		i := slices.IndexFunc(inputs, func(in engine.Input) bool { return in.Name == at.Input })
		switch {
		case i >= 0:
			list = append(list, inputs[i])
			inputs = slices.Delete(inputs, i, i+1)
		case slices.Contains(retired, at.Input):
			list = append(list, engine.Retired(at))
		}
	}
	return append(list, inputs...)
}

// TellRetired tells people of each stream that is in inputs.retired, so that a command does not read it, and what
// follows from that.
func TellRetired(to io.Writer, c *config.Config, follows string) {
	for _, stream := range c.Inputs.Retired {
		fmt.Fprintf(to, "stream %s is in inputs.retired and is not read: %s\n", stream, follows)
	}
}

// withRetired is InPlace for the inputs of the configuration. It says which are retired.
func (s *Service) withRetired(inputs []engine.Input) ([]engine.Input, error) {
	retired := s.Config.Inputs.Retired
	for i := range inputs {
		if slices.Contains(retired, inputs[i].Name) {
			return nil, &terminal.UsageError{Err: fmt.Errorf("inputs.retired names stream %q, and an input reads it: "+
				"take the one or the other out of the configuration", inputs[i].Name)}
		}
	}
	before := s.readBefore()
	for _, at := range before {
		if slices.Contains(retired, at.Input) {
			s.Log.Info("a stream is no input any more (inputs.retired): what was read of it stays, and what it holds beyond that is not joined",
				"stream", at.Input, "read_up_to", max(at.Next, 1)-1, "stored", at.Mark.Stored.String())
		}
	}
	return InPlace(inputs, before, retired), nil
}
