//go:build linux

package jetstream

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// TestServerLogin tries who may connect to an embedded server, and who may
// delete a stream there.
func TestServerLogin(t *testing.T) {
	for _, c := range []struct {
		name               string
		login              *ServerLogin
		options            []nats.Option
		inside             bool // the connection is this process's own
		connects, destroys bool
	}{
		{name: "no login is asked for", connects: true, destroys: true},
		{name: "the process's own connection", login: &ServerLogin{User: "u", Password: "p"}, inside: true, connects: true, destroys: true},
		{name: "the password", login: &ServerLogin{User: "u", Password: "p"}, options: []nats.Option{nats.UserInfo("u", "p")}, connects: true},
		{name: "another password", login: &ServerLogin{User: "u", Password: "p"}, options: []nats.Option{nats.UserInfo("u", "q")}},
		{name: "another user", login: &ServerLogin{User: "u", Password: "p"}, options: []nats.Option{nats.UserInfo("v", "p")}},
		{name: "nothing", login: &ServerLogin{User: "u", Password: "p"}},
		{name: "the same user of the machine", login: &ServerLogin{User: "u", Password: "p", SameUser: true}, connects: true, destroys: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat("/proc/net/tcp"); err != nil && c.login != nil && c.login.SameUser {
				t.Skipf("this system does not say who owns a socket: %v", err)
			}
			s, err := StartServer(ServerOptions{StoreDir: t.TempDir(), Login: c.login})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			own, err := Connect(ConnOptions{InProcess: s}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer own.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			js, err := natsjs.New(own)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.CreateStream(ctx, natsjs.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
				t.Fatal(err)
			}
			nc := own
			if !c.inside {
				nc, err = nats.Connect(s.URL(), c.options...)
				if (err == nil) != c.connects {
					t.Fatalf("connecting gives %v", err)
				}
				if err != nil {
					return
				}
				defer nc.Close()
			}
			if js, err = natsjs.New(nc); err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(ctx, "s", []byte("x")); err != nil {
				t.Errorf("publishing gives %v", err)
			}
			trying, stop := context.WithTimeout(ctx, 2*time.Second)
			defer stop()
			if err := js.DeleteStream(trying, "S"); (err == nil) != c.destroys {
				t.Errorf("deleting the stream gives %v", err)
			}
		})
	}
}

// TestSocketOwner reads the kernel's tables of two machines.
func TestSocketOwner(t *testing.T) {
	table := filepath.Join(t.TempDir(), "tcp")
	text := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:107E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 20001 1 0 100 0 0 10 0
   1: 0100007F:107E 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 20002 1 0 20 4 30 10 -1
   2: 0100007F:D431 0100007F:107E 01 00000000:00000000 00:00000000 00000000 65534        0 20003 1 0 20 4 30 10 -1
   3: 0200007F:D432 0100007F:107E 01 00000000:00000000 00:00000000 00000000  1001        0 20004 1 0 20 4 30 10 -1
   4: 0000000000000000FFFF00000100007F:D433 0000000000000000FFFF00000100007F:107E 01 00000000:00000000 00:00000000 00000000  1002        0 20005 1 0 20 4 30 10 -1
`
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		client net.TCPAddr
		port   int
		uid    int
		found  bool
	}{
		{"the client's end", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0xD431}, 0x107E, 65534, true},
		{"another loopback address", net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 0xD432}, 0x107E, 1001, true},
		{"an IPv4 address in IPv6", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0xD433}, 0x107E, 1002, true},
		{"to another port", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0xD431}, 0x107F, 0, false},
		{"of another address", net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0xD432}, 0x107E, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if uid, found := socketOwner(table, &c.client, c.port); uid != c.uid || found != c.found {
				t.Errorf("it is of user %d (%v)", uid, found)
			}
		})
	}
}
