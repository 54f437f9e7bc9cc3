package systemtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// giveUpAfter is how long tests wait for what must come. It says when to give up,
// not what is fast enough.
const giveUpAfter = 10 * time.Minute

// TestBinary tries the program as it is built, as a process of its own.
func TestBinary(t *testing.T) {
	if raced {
		t.Skip("the program that it builds has no race detector in it")
	}
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "labeljoin")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"Killed", testKilled}, {"KilledOverHTTP", testKilledOverHTTP}, {"Storm", testStorm}, {"ClusterStorm", testClusterStorm},
		{"BadInput", testBadInput}, {"TooManyOutcomes", testTooManyOutcomes},
		{"SecondProcess", testSecondProcess}, {"Terminated", testTerminated}, {"TerminatedTwice", testTerminatedTwice}, {"TerminatedAtStart", testTerminatedAtStart},
		{"LabelStreamRefuses", testLabelStreamRefuses}, {"WaitsForNATS", testWaitsForNATS}, {"PortInUse", testPortInUse},
		{"ReplayTwice", testReplayTwice}, {"ReplayStopped", testReplayStopped}, {"ReplayUnheard", testReplayUnheard}, {"HungUp", testHungUp}, {"DamagedState", testDamagedState},
		{"ServerAway", testServerAway}, {"Attributed", testAttributed}, {"Explained", testExplained}, {"Outage", testOutage}, {"LostLog", testLostLog},
		{"WaysOut", testWaysOut}, {"NewColumns", testNewColumns}, {"FlippedBit", testFlippedBit}, {"OlderServer", testOlderServer}, {"GapTakenBack", testGapTakenBack}, {"GapTakenBackLate", testGapTakenBackLate}, {"Doctor", testDoctor}, {"BeginsLate", testBeginsLate}, {"BeginsAgain", testBeginsAgain}, {"AddedLate", testAddedLate}, {"BeginsWithHoles", testBeginsWithHoles}, {"DeepErased", testDeepErased}, {"DeepRestored", testDeepRestored}, {"DeepLeftOut", testDeepLeftOut}, {"DeepManyLate", testDeepManyLate}, {"Markers", testMarkers}, {"PurgedBySubject", testPurgedBySubject}, {"RenamedWhileAway", testRenamedWhileAway}, {"MisspeltSubject", testMisspeltSubject},
		{"DiskFullReserve", testDiskFullReserve}, {"DiskFullToTheBrim", testDiskFullToTheBrim}, {"DiskFullEmbedded", testDiskFullEmbedded},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newRig(t, binary))
		})
	}
}

// rig is where a child works: a folder, a broker in this process, and a
// configuration.
type rig struct {
	t      *testing.T
	binary string
	dir    string
	broker *jetstream.Server
}

func newRig(t *testing.T, binary string) *rig {
	b := &rig{t: t, binary: binary, dir: t.TempDir()}
	b.broker = b.startBroker(0)
	t.Cleanup(func() {
		if err := b.broker.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *rig) startBroker(port int) *jetstream.Server {
	b.t.Helper()
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: filepath.Join(b.dir, "nats"), Port: port})
	if err != nil {
		b.t.Fatal(err)
	}
	return server
}

// port is where the broker listens.
func (b *rig) port() int {
	b.t.Helper()
	address, err := url.Parse(b.broker.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		b.t.Fatal(err)
	}
	return port
}

func (b *rig) path(name string) string { return filepath.Join(b.dir, name) }

// configure writes a configuration: what all tests have, and more.
func (b *rig) configure(name, more string) string {
	b.t.Helper()
	text := fmt.Sprintf("name: feed\nnats: {url: %q}\ninputs: {create: true}\nhttp: {listen: 127.0.0.1:0}\nlog: {format: json}\n%s",
		b.broker.URL(), more)
	path := b.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// child is a running labeljoin.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *lineLog
	done chan struct{} // closed when it has ended
}

// start starts a child. It is killed at the end of the test, if not before.
func (b *rig) start(args ...string) *child {
	b.t.Helper()
	return b.startWith(exec.Command(b.binary, args...))
}

// startWith starts a child by a command that becomes it.
func (b *rig) startWith(command *exec.Cmd) *child {
	b.t.Helper()
	c := &child{t: b.t, cmd: command, log: &lineLog{}, done: make(chan struct{})}
	c.cmd.Stderr = c.log
	if err := c.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended is in ProcessState
		close(c.done)
	}()
	b.t.Cleanup(func() {
		if err := c.signal(syscall.SIGKILL); err != nil {
			b.t.Error(err)
		}
		<-c.done
		if b.t.Failed() {
			b.t.Logf("%s:\n%s", strings.Join(command.Args, " "), c.log.tail(4000))
		}
	})
	return c
}

// signal sends a signal, unless the child has ended.
func (c *child) signal(s os.Signal) error {
	if err := c.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill ends the child as kill -9 does.
func (c *child) kill() {
	c.t.Helper()
	if err := c.signal(syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	<-c.done
}

// code waits for the child to end and returns its exit code.
func (c *child) code() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(giveUpAfter):
		c.t.Fatalf("the program does not end:\n%s", c.log.tail(4000))
	}
	return c.cmd.ProcessState.ExitCode()
}

// stop asks the child to end, which it must do cleanly.
func (c *child) stop() {
	c.t.Helper()
	if err := c.signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if code := c.code(); code != 0 {
		c.t.Fatalf("exit code %d after SIGTERM:\n%s", code, c.log.tail(4000))
	}
}

// until waits until something is so, and fails when the child ends before.
func (c *child) until(what string, so func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(giveUpAfter); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if so() {
			return
		}
		select {
		case <-c.done:
			if !so() {
				c.t.Fatalf("the program ended before %s:\n%s", what, c.log.tail(4000))
			}
			return
		default:
		}
	}
	c.t.Fatalf("waited in vain until %s:\n%s", what, c.log.tail(4000))
}

// says waits until a line of the child's log holds a text.
func (c *child) says(text string) {
	c.t.Helper()
	c.until("it says "+text, func() bool { return strings.Contains(c.log.text(), text) })
}

// status asks the child how it stands; ok is false while it cannot say.
func (c *child) status() (s monitor.Status, ok bool) {
	code, text := c.get("status")
	return s, code == http.StatusOK && json.Unmarshal([]byte(text), &s) == nil
}

// get asks the child over HTTP; the code is 0 while it does not answer.
func (c *child) get(what string) (code int, text string) {
	for line := range strings.Lines(c.log.text()) {
		var answering struct{ Metrics string }
		if json.Unmarshal([]byte(line), &answering) != nil || answering.Metrics == "" {
			continue
		}
		r, err := http.Get(strings.TrimSuffix(answering.Metrics, "metrics") + what)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return 0, ""
		}
		return r.StatusCode, string(data)
	}
	return 0, ""
}

// joins waits until the child joins.
func (c *child) joins() {
	c.t.Helper()
	c.until("it joins", func() bool {
		s, ok := c.status()
		return ok && s.Joining
	})
}

// joinsOrEnds waits until the child joins, which it reports, or has ended.
func (c *child) joinsOrEnds() (joins bool) {
	c.t.Helper()
	c.until("it joins or ends", func() bool {
		s, ok := c.status()
		joins = ok && s.Joining
		select {
		case <-c.done:
			return true
		default:
			return joins
		}
	})
	return joins
}

// lineLog keeps what a child says.
type lineLog struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lineLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *lineLog) tail(n int) string {
	text := l.text()
	return text[max(0, len(text)-n):]
}
