package partition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// AskTimeout is how long a command that asks NATS waits for its answers.
const AskTimeout = 30 * time.Second

// DeclaredSpans are the stretches of a stream that are declared lost. It may have
// been created at another time when that was done.
func DeclaredSpans(declared []events.Gap, stream string, created ...events.Time) []jetstream.Span {
	var spans []jetstream.Span
	for _, g := range declared {
		if l := g.Log; l != nil && slices.ContainsFunc(created,
			func(c events.Time) bool { return l.MayLack(stream, c, l.From) }) {
			spans = append(spans, jetstream.Span{From: l.From, Next: l.Next})
		}
	}
	return spans
}

// ConnectReading connects to the log and changes nothing of it. An embedded server is
// started if no joiner runs that has it. It fails if no server can be reached.
func ConnectReading(ctx context.Context, cfg *config.Config) (*Service, error) {
	reading := *cfg
	reading.Inputs.Create = false
	s := &Service{Config: &reading, Log: slog.New(slog.DiscardHandler)}
	options, err := connOptions(&reading, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if reading.NATS.Embedded {
		if err := ownedByOther(reading.State.Dir); err != nil {
			return nil, err
		}
		// A server without its files would begin with empty ones.
		if streams := filepath.Join(reading.State.Dir, "nats"); !isDir(streams) {
			return nil, fmt.Errorf("the embedded server's streams are not at %s: is the disk of state.dir mounted, and has the joiner run before?", streams)
		}
		if s.Server, err = startServer(ctx, &reading, true, s.Log); err == nil {
			options.InProcess = s.Server
		} else {
			running, readErr := readEmbeddedURL(reading.State.Dir)
			if readErr != nil {
				return nil, errors.Join(err, readErr)
			}
			options.URL = running.String()
		}
	}
	options.Once = true
	if s.Conn, err = jetstream.Connect(options, s.Log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	reading.NATS.Embedded = false // streams that are missing are not made
	return s, nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
