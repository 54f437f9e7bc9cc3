package systemtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// stormServer is one NATS server of a storm, a process of its own: one that can be
// killed as kill -9 does, and stopped without ending.
type stormServer struct {
	t       *testing.T
	Name    string
	Dir     string
	Port    int
	Cluster int   // the port of its routes; 0: it is alone
	Routes  []int // the route ports of all
	// Denied is a file that says what the joiner's user may not do now. The server looks at it again
	// and again, and reloads its configuration when it has changed.
	Denied string

	cmd  *exec.Cmd
	done chan struct{}
}

// stormServerEnv holds the description of the server that a test process is to be.
const stormServerEnv = "LABELJOIN_STORM_SERVER"

// TestStormServer is the server's process: it serves until it is told to end. It is
// no test by itself.
func TestStormServer(t *testing.T) {
	text := os.Getenv(stormServerEnv)
	if text == "" {
		t.Skip("the process of a server, which the storms start")
	}
	var s stormServer
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	o := &server.Options{
		ServerName: s.Name, Host: "127.0.0.1", Port: s.Port, NoLog: true, NoSigs: true, JetStream: true, StoreDir: s.Dir,
	}
	if s.Cluster != 0 {
		o.Cluster = server.ClusterOpts{Name: "storm", Host: "127.0.0.1", Port: s.Cluster}
		for _, port := range s.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		}
	}
	before := s.denied(t)
	o.Users = stormUsers(before)
	n, err := server.NewServer(o.Clone())
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	n.Start()
	for runs := true; runs; {
		select {
		case <-told:
			runs = false
		case <-time.After(20 * time.Millisecond):
			if now := s.denied(t); now != before {
				before, o.Users = now, stormUsers(now)
				if err := n.ReloadOptions(o.Clone()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	n.Shutdown()
	n.WaitForShutdown()
}

// denial is a right that the joiner's user does not have: a subject that it may not publish to,
// or that it may not subscribe to. Empty is that there is none.
type denial struct{ Publish, Subscribe string }

// denials are the rights that a storm takes, and gives back.
var denials = []denial{
	{Subscribe: "_INBOX.>"}, {Publish: "$JS.API.>"}, {Publish: "$JS.API.STREAM.INFO.>"}, {Publish: "$JS.API.STREAM.MSG.GET.>"},
	{Publish: "$JS.API.STREAM.NAMES"}, {Publish: "$JS.API.CONSUMER.>"}, {Publish: "labels.>"},
}

// The users of a storm's servers: one may do everything, the other what is not denied.
const stormFeed, stormJoiner, stormPassword = "feed", "joiner", "pw"

func stormUsers(d denial) []*server.User {
	p := &server.Permissions{Publish: &server.SubjectPermission{}, Subscribe: &server.SubjectPermission{}}
	if d.Publish != "" {
		p.Publish.Deny = []string{d.Publish}
	}
	if d.Subscribe != "" {
		p.Subscribe.Deny = []string{d.Subscribe}
	}
	return []*server.User{{Username: stormFeed, Password: stormPassword}, {Username: stormJoiner, Password: stormPassword, Permissions: p}}
}

// denied is what the joiner's user may not do now.
func (s *stormServer) denied(t *testing.T) (d denial) {
	t.Helper()
	text, err := os.ReadFile(s.Denied)
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// deny takes the joiner's user a right, and gives it the one back that it did not have.
func (s *stormServer) deny(d denial) {
	s.t.Helper()
	text, err := json.Marshal(d)
	if err == nil {
		err = os.WriteFile(s.Denied+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.Denied+".new", s.Denied)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// newStormServers describes one server, or several that are a cluster.
func newStormServers(t *testing.T, count int) []*stormServer {
	t.Helper()
	ports := freePorts(t, 2*count)
	servers := make([]*stormServer, count)
	for i := range servers {
		servers[i] = &stormServer{t: t, Name: fmt.Sprint("server", i), Dir: t.TempDir(), Port: ports[i], Denied: filepath.Join(t.TempDir(), "denied.json")}
		servers[i].deny(denial{})
		if count > 1 {
			servers[i].Cluster, servers[i].Routes = ports[count+i], ports[count:]
		}
		t.Cleanup(servers[i].kill)
	}
	return servers
}

// freePorts are ports that nothing listens on, all different.
func freePorts(t *testing.T, count int) []int {
	t.Helper()
	ports := make([]int, count)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// start starts the server, unless it runs.
func (s *stormServer) start() {
	s.t.Helper()
	if s.cmd != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd, s.done = exec.Command(self, "-test.run", "^TestStormServer$"), make(chan struct{})
	s.cmd.Env = append(os.Environ(), stormServerEnv+"="+string(text))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // it ends when it is told to
		close(done)
	}(s.cmd, s.done)
}

// signal sends the server a signal, if it runs.
func (s *stormServer) signal(sig syscall.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig) // it may have ended
	}
}

// end ends the server by a signal, and waits for that.
func (s *stormServer) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.signal(sig)
	s.signal(syscall.SIGCONT)
	select {
	case <-s.done:
	case <-time.After(giveUpAfter):
		s.t.Errorf("%s does not end", s.Name)
	}
	s.cmd = nil
}

func (s *stormServer) kill() { s.end(syscall.SIGKILL) }

// urlsOf are the servers as a client names them.
func urlsOf(servers []*stormServer) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = fmt.Sprintf("nats://127.0.0.1:%d", s.Port)
	}
	return strings.Join(urls, ",")
}
