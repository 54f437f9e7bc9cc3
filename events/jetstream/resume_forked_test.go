package jetstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// serverEnv names the directory of a server that this test binary is to be.
const serverEnv = "LABELJOIN_TEST_SERVER"

// beServer is what the test binary does when it is started as a server: it says
// where it listens and ends with its standard input, or when it is killed.
func beServer(dir string) int {
	s, err := StartServer(ServerOptions{StoreDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin) // for ever
	return 0
}

// process starts a server in a process of its own, which can be killed.
func process(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serverEnv+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed, and says so
		_ = in.Close()
	}
	t.Cleanup(kill)
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url), kill
}

// at is the position after some messages.
func at(log Log, read []events.Message) events.Position {
	last := read[len(read)-1]
	return events.Position{Input: log.Stream, Created: log.Created, Next: last.Seq + 1, Mark: last.Mark()}
}

func resume(t *testing.T, url string, log Log, from events.Position) error {
	t.Helper()
	s, err := Open(deadline(t), dial(t, ConnOptions{URL: url}), log, 3, from, Options{})
	if err == nil {
		err = s.Close()
	}
	return err
}

// TestServerIsKilledWithUnsyncedMessages is the power failure of a server that
// syncs every two minutes: it is killed, its directory is what the disk had, and
// the producers go on. As many messages as were lost, or more, take the lost ones'
// sequences; creation time and last sequence say nothing. A joiner that starts
// there would skip them in silence.
func TestServerIsKilledWithUnsyncedMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		others int // messages published after the failure
		synced int // messages of 20 that the disk had
		fault  Fault
		is     bool
	}{
		{name: "the log ends before", others: 5, synced: 10, fault: FaultRewound, is: true},
		{name: "exactly as many", others: 10, synced: 10, fault: FaultForked, is: true},
		{name: "more", others: 90, synced: 10, fault: FaultForked, is: true},
		{name: "nothing was lost", others: 30, synced: 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, disk := t.TempDir(), filepath.Join(t.TempDir(), "disk")
			url, kill := process(t, dir)
			nc := dial(t, ConnOptions{URL: url})
			log := find(t, nc, requests("log.>"))
			publish(t, nc, "log.a", 0, c.synced)
			nc.Close()
			kill()
			if err := os.CopyFS(disk, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			url, kill = process(t, dir)
			nc = dial(t, ConnOptions{URL: url})
			publish(t, nc, "log.a", c.synced, 20)
			from := at(log, read(t, open(t, nc, log, 0), 20))
			nc.Close()
			kill()

			url, _ = process(t, disk)
			nc = dial(t, ConnOptions{URL: url})
			publish(t, nc, "log.a", 100, 100+c.others)
			err := resume(t, url, log, from)
			if !c.is {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantFault(t, err, c.fault)
		})
	}
}

// TestLogForksWhileRunning: the same under a reader that is connected, with
// messages that are no longer there in its buffer.
func TestLogForksWhileRunning(t *testing.T) {
	t.Parallel()
	for _, read10 := range []int{15, 20} {
		dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
		server := serve(t, dir, 0)
		on := port(t, server)
		nc := dial(t, ConnOptions{URL: server.URL()})
		log, _ := tenMessages(t, nc, false)
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		server = serve(t, dir, on)
		publishAt(t, server, "log.a", 10, read10)
		s := open(t, nc, log, 0)
		read(t, s, read10)
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		// The log has grown again before the reader finds the way to it.
		other := serve(t, copied, 0)
		publishAt(t, other, "log.a", 100, 200)
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		serve(t, copied, on)
		got, err := fault(t, s)
		wantFault(t, err, FaultForked)
		if len(got) > 0 {
			t.Fatalf("%d messages of another log were handed over, first %q", len(got), got[0].Data)
		}
	}
}

// TestForkIsPolled: a stream whose message changes under a reader that no call
// disconnects is found out by the next question to the broker, and so is one
// that keeps it busy. No server does that but one that fails over to a replica
// which lost messages; here it is the reader that is told it read another one.
func TestForkIsPolled(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		nc := inProcess(t)
		log, _ := tenMessages(t, nc, filtered)
		s := open(t, nc, log, 0)
		read(t, s, 10)
		proof(t, s)
		s.buffer.mu.Lock()
		s.buffer.last.Data = []byte("log.a 9, in another life")
		s.buffer.mark = events.Mark{}
		s.buffer.mu.Unlock()
		_, err := fault(t, s)
		wantFault(t, err, FaultForked)
	}
}

// TestMarkIsGone: the message that was read last expired behind the reader, or
// was deleted there. That is no damage.
func TestMarkIsGone(t *testing.T) {
	t.Parallel()
	for _, purge := range []bool{false, true} {
		nc := inProcess(t)
		log, _ := tenMessages(t, nc, false)
		messages := read(t, open(t, nc, log, 0), 10)
		publish(t, nc, "log.a", 10, 20)
		st := stream(t, nc, log.Stream)
		var err error
		if purge {
			err = st.Purge(deadline(t), jetstream.WithPurgeSequence(11))
		} else {
			err = st.DeleteMsg(deadline(t), 10)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(deadline(t), nc, log, 3, at(log, messages), Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if got := read(t, s, 10); got[0].Seq != 11 {
			t.Fatalf("reading went on at %d", got[0].Seq)
		}
	}
}

func TestMarkTellsMessagesApart(t *testing.T) {
	m := events.Message{Seq: 7, Stored: 1000, Data: []byte("abc")}
	for _, other := range []events.Message{
		{Seq: 8, Stored: 1000, Data: []byte("abc")}, {Seq: 7, Stored: 1001, Data: []byte("abc")},
		{Seq: 7, Stored: 1000, Data: []byte("abd")}, {Seq: 7, Stored: 1000, Data: []byte("abc\x00")},
	} {
		if m.Mark() == other.Mark() {
			t.Errorf("%+v has the mark of %+v", other, m)
		}
	}
	if none := (&events.Message{Seq: 7, Stored: events.MinTime}).Mark(); none != (events.Mark{}) {
		t.Errorf("without a broker there is a mark: %+v", none)
	}
}

// TestConfigurationIsChanged: what takes events away is a fault, while running
// and at the next start; what can lose them is warned of, once.
func TestConfigurationIsChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(config *jetstream.StreamConfig)
		fault  bool
		says   string
	}{
		{"a subject is taken away", func(c *jetstream.StreamConfig) { c.Subjects = []string{"other.>"} }, true, "does not hold subject"},
		{"a subject is added", func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "other.>") }, false, ""},
		{"a limit", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }, false, "max_msgs or max_bytes removes"},
		{"a limit by subject", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1000 }, false, "max_msgs_per_subject"},
		{"rollups", func(c *jetstream.StreamConfig) { c.AllowRollup = true }, false, "allow_rollup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nc := inProcess(t)
			log, config := tenMessages(t, nc, false)
			var text lockedText
			from := events.Position{Input: log.Stream, Created: log.Created, Next: 1}
			s, err := Open(deadline(t), nc, log, 3, from, Options{ProveEvery: 10 * time.Millisecond, Log: textLog(&text)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			read(t, s, 10)
			proof(t, s)
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			c.change(&config)
			if _, err := js.UpdateStream(deadline(t), config); err != nil {
				t.Fatal(err)
			}
			if c.fault {
				_, err := fault(t, s)
				if f, ok := errors.AsType[*LogError](err); !ok || f.Fault != FaultChanged || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v", err)
				}
				if _, err := openAt(t, nc, log, 11); err == nil {
					t.Fatal("it is opened again all the same")
				}
				return
			}
			for range 20 { // proofs go on
				proof(t, s)
			}
			want := 1
			if c.says == "" {
				want = 0
			}
			if got := strings.Count(text.String(), "configuration was changed"); got != want || !strings.Contains(text.String(), c.says) {
				t.Errorf("it is said %d times: %s", got, text.String())
			}
		})
	}
}
