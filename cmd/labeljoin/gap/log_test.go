package gap

import (
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// TestGoneStreams tells of streams that are gone: a rebuild begins before what was read.
func TestGoneStreams(t *testing.T) {
	begins := []events.Position{{Input: "CLICKS", Next: 1}}
	for _, c := range []struct {
		name, says string
		read       []events.Position
		retired    []string
	}{
		{"nothing was read", "stream CLICKS: it is gone; nothing of it was read. With --yes", nil, nil},
		{"read through nothing", "nothing of it was read", begins, nil},
		{"the state is gone", "it was read up to message 7", []events.Position{{Input: "CLICKS", Next: 8}}, nil},
		{"retired before it was read", "it is no input any more (inputs.retired); nothing of it was read", nil, []string{"CLICKS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			g := Losses{Config: &config.Config{}, Out: &terminal.LineWriter{To: &out}, want: engine.Wanted{Inputs: begins}, read: c.read}
			g.Config.Inputs.Retired = c.retired
			if err := g.sameStreams(nil, nil); err != nil || !strings.Contains(out.String(), c.says) {
				t.Errorf("%v, and it says %q, want %q", err, out.String(), c.says)
			}
		})
	}
}
