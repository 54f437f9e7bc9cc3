package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
)

// TestMain fails if a goroutine outlives what the tests ran in this process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == replay.ReadColumnsName || os.Args[1] == "replay") {
		main() // a replay in a test reads a Parquet or Avro file, or a benchmark starts a replay
	}
	goleak.VerifyTestMain(m,
		// The NATS server starts these once for the process and never ends them.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.init.0.func1"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		// nats.go 1.55: a publisher that is cleaned up before the goroutine of its first message has run leaves that
		// goroutine waiting for a channel that is nil.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
		// A stream that is being created while the server shuts down keeps its file
		// open, and with it these two. A server that was not closed shows in others.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	)
}
