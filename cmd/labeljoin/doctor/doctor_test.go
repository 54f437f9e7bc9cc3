package doctor_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/doctor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// TestSmallMessages: a server or a stream that takes smaller messages than limits allow an event is named, with a way
// out, and is nothing wrong: the events may all be smaller.
func TestSmallMessages(t *testing.T) {
	t.Parallel()
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: filepath.Join(t.TempDir(), "nats"),
		MaxPayload: 512 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, most int32) {
		t.Helper()
		if _, err := js.AddStream(&nats.StreamConfig{Name: name, Subjects: []string{name + ".>"}, MaxMsgSize: most,
			DenyDelete: true, DenyPurge: true}); err != nil {
			t.Fatal(err)
		}
	}
	add("requests", -1)
	add("outcomes", 100_000)
	const payload, stream = "the server takes messages of 512KiB at most", "stream outcomes takes messages of 100000B at most"
	for _, c := range []struct {
		name, limits string
		json         bool
		says, not    []string
	}{
		{"as they come", "", false, []string{
			"warn   NATS: messages are as large as events may be: " + payload + ", and limits.event_bytes allows 1MiB",
			"set max_payload of the server to 1MiB or more, or limits.event_bytes to 512KiB",
			"warn   stream outcomes: messages are as large as events may be: " + stream,
			"nats stream edit outcomes --max-msg-size=1048576"}, nil},
		{"one is too small", "limits: {event_bytes: 512KiB}", false, []string{stream}, []string{payload}},
		{"events are small", "limits: {event_bytes: 64KiB}", false, nil, []string{"warn"}},
		{"as JSON", "", true, []string{`{"check":"NATS: messages are as large as events may be","ok":true,"warning":"the server takes`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg, err := config.Read("test", strings.NewReader(fmt.Sprintf(`name: feed
nats: {url: %q}
state: {dir: %q}
output: {dir: %q}
inputs: {requests: {subject: requests.>}, outcomes: {subject: outcomes.>}}
labels: {clicked: 'type == "click"'}
%s`, server.URL(), filepath.Join(dir, "state"), filepath.Join(dir, "out"), c.limits)))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			d := doctor.Doctor{Config: cfg, JSON: c.json, Out: &terminal.LineWriter{To: &out}}
			if err := d.Check(t.Context()); err != nil {
				t.Errorf("%v: %s", err, out.String())
			}
			for _, text := range c.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("it does not say %q: %s", text, out.String())
				}
			}
			for _, text := range c.not {
				if strings.Contains(out.String(), text) {
					t.Errorf("it says %q: %s", text, out.String())
				}
			}
		})
	}
}

// TestStreamsThatAreNotFound: where streams cannot be looked for, the way out is that of the cause: permissions where
// the user lacks them, and no word of them where there is no JetStream that could answer.
func TestStreamsThatAreNotFound(t *testing.T) {
	t.Parallel()
	const permit, another = "allow the joiner's user to publish to $JS.API.STREAM.NAMES and $JS.API.STREAM.INFO.>",
		"of a leaf node, that is the hub"
	for _, c := range []struct {
		name      string
		options   server.Options
		says, not string
	}{
		{"no JetStream", server.Options{}, another, "allow the joiner's user"},
		{"no permission", server.Options{JetStream: true, NoAuthUser: "u", Users: []*server.User{{Username: "u", Password: "p",
			Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.NAMES"}}}}}},
			permit, another},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := c.options
			o.Host, o.Port, o.NoLog, o.NoSigs, o.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, true, filepath.Join(dir, "nats")
			s, err := server.NewServer(&o)
			if err != nil {
				t.Fatal(err)
			}
			go s.Start()
			t.Cleanup(s.Shutdown)
			if !s.ReadyForConnections(30 * time.Second) {
				t.Fatal("the server does not start")
			}
			cfg, err := config.Read("test", strings.NewReader(fmt.Sprintf(`name: feed
nats: {url: %q}
state: {dir: %q}
output: {dir: %q}
inputs: {requests: {subject: requests.>}, outcomes: {subject: outcomes.>}}
labels: {clicked: 'type == "click"'}
publish: {subject: labels}`, s.ClientURL(), filepath.Join(dir, "state"), filepath.Join(dir, "out"))))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			d := doctor.Doctor{Config: cfg, Out: &terminal.LineWriter{To: &out}}
			if err := d.Check(t.Context()); err == nil || strings.Count(out.String(), c.says) != 2 || strings.Contains(out.String(), c.not) {
				t.Errorf("%v, want %q twice, and not %q: %s", err, c.says, c.not, out.String())
			}
		})
	}
}
