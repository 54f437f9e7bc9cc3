package systemtest

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// atOnce is how many tests run beside each other. Most of them wait, for a joiner, its broker or a second that
// must pass, so there are more of them than processors.
const atOnce = "4"

// TestMain fails if a goroutine outlives what the tests ran in this process.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
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
