package systemtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
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
	n, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	n.Start()
	<-told
	n.Shutdown()
	n.WaitForShutdown()
}

// newStormServers describes one server, or several that are a cluster.
func newStormServers(t *testing.T, count int) []*stormServer {
	t.Helper()
	ports := freePorts(t, 2*count)
	servers := make([]*stormServer, count)
	for i := range servers {
		servers[i] = &stormServer{t: t, Name: fmt.Sprint("server", i), Dir: t.TempDir(), Port: ports[i]}
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
