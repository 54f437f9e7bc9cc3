package partition_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// logged is a log that is read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// metricsAt is the address of the metrics, as the log has it.
var metricsAt = regexp.MustCompile(`metrics=(http://\S+/metrics)`)

// TestAlarmIsPublished: the events of quiet days come, then those of an hour in which a label dies. A
// pager hears of it on the subject, and metrics count it.
func TestAlarmIsPublished(t *testing.T) {
	dir := t.TempDir()
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: filepath.Join(dir, "nats")})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cfg, err := config.Decode("test", fmt.Appendf(nil, `
nats: {url: %q}
inputs: {requests: {subject: shop.requests}, outcomes: {subject: shop.outcomes}, create: true}
labels: {clicked: {when: type == "click", window: 30m}}
join: {lateness: 1m, max_age: 720h}
guard: {enabled: false}
monitor: {subject: shop.alarms}
http: {listen: "127.0.0.1:0"}
output: {dir: %q, roll: {interval: 1s}}
state: {dir: %q}
`, server.URL(), filepath.Join(dir, "labeled"), filepath.Join(dir, "state")))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	pager, err := nc.SubscribeSync("shop.alarms")
	if err != nil {
		t.Fatal(err)
	}
	var log logged
	s := partition.Service{Config: cfg, Log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	first := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -4).Add(10 * time.Hour)
	await(t, &log, func() bool { return strings.Contains(log.String(), "msg=joining") })
	for day := range 3 {
		publish(t, nc, first.AddDate(0, 0, day), 10)
	}
	url := metricsAt.FindStringSubmatch(log.String())
	if url == nil {
		t.Fatalf("it does not say where the metrics are: %s", &log)
	}
	await(t, &log, func() bool { return strings.Contains(scrape(t, url[1]), "labeljoin_label_rate{") })
	const alarms = `labeljoin_label_alarms{kind="rate",label="clicked",name="labeljoin"} `
	if text := scrape(t, url[1]); !strings.Contains(text, alarms+"0\n") {
		t.Errorf("in quiet days the metrics are %s", text)
	}
	publish(t, nc, first.AddDate(0, 0, 3), 0)
	message, err := pager.NextMsg(30 * time.Second)
	if err != nil {
		t.Fatalf("no alarm came: %v: %s", err, &log)
	}
	for _, want := range []string{`"state":"raised"`, `"kind":"rate"`, `"label":"clicked"`, `positive in 0 % instead of 10 %`} {
		if !strings.Contains(string(message.Data), want) {
			t.Errorf("the alarm has no %s: %s", want, message.Data)
		}
	}
	if !strings.Contains(message.Header.Get(nats.MsgIdHdr), "raised/rate/clicked") {
		t.Errorf("its id is %q", message.Header)
	}
	await(t, &log, func() bool { return strings.Contains(scrape(t, url[1]), alarms+"1\n") })
}

// publish publishes an hour of requests, of which one in so many is clicked, and what proves two hours
// later that it is over; 0: none is clicked.
func publish(t *testing.T, nc *nats.Conn, start time.Time, every int) {
	t.Helper()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	var requests, outcomes bytes.Buffer
	for i := range 1000 {
		id, at := fmt.Sprint(start.Unix(), "-", i), start.Add(time.Duration(i)*3*time.Second).UnixMilli()
		fmt.Fprintf(&requests, "{\"request_id\":%q,\"ts\":%d}\n", id, at)
		if every > 0 && i%every == 0 {
			fmt.Fprintf(&outcomes, "{\"request_id\":%q,\"ts\":%d,\"type\":\"click\"}\n", id, at+1000)
		}
	}
	end := start.Add(2 * time.Hour)
	fmt.Fprintf(&requests, "{\"request_id\":\"end-%d\",\"ts\":%d}\n", end.Unix(), end.UnixMilli())
	fmt.Fprintf(&outcomes, "{\"request_id\":\"end-%d\",\"ts\":%d,\"type\":\"click\"}\n", end.Unix(), end.UnixMilli())
	for subject, data := range map[string][]byte{"shop.requests": requests.Bytes(), "shop.outcomes": outcomes.Bytes()} {
		if _, err := js.Publish(subject, data); err != nil {
			t.Fatal(err)
		}
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// await waits for what takes as long as the machine is busy.
func await(t *testing.T, log *logged, there func() bool) {
	t.Helper()
	for range 3000 {
		if there() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it does not come: %s", log)
}
