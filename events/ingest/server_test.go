package ingest_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen makes a server that takes requests at a port of its own.
func listen(t *testing.T, o ingest.Options) (*ingest.Server, *book) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s, b := open(t, o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, b
}

// post sends a body over a connection of its own.
func post(t *testing.T, address, body string) (status int, text string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post("http://"+address+"/v1/events/requests", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(all)
}

// TestSlowClients holds that clients which owe a body, or say nothing, keep no one else from
// being answered, and are sent away in the end.
func TestSlowClients(t *testing.T) {
	o := options()
	o.MaxConns, o.Timeout = 20, 2*time.Second
	s, _ := listen(t, o)
	var slow []net.Conn
	for i := range 60 {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i < 10 {
			fmt.Fprint(conn, "POST /v1/events/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
			slow = append(slow, conn)
		}
		for i == 9 { // until all are known to owe a body: one that has said nothing yet would make room
			if now := s.Stats(); now.InFlight+now.Answers[http.StatusRequestTimeout] >= 10 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	if status, text := post(t, s.Address(), request); status != 202 {
		t.Errorf("answered %d %s", status, text)
	}
	for _, conn := range slow {
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout {
			t.Errorf("a slow client is answered %s", answer.Status)
		}
	}
	if n := s.Stats().InFlight; n != 0 {
		t.Errorf("%d requests are in flight", n)
	}
}

// waiting is a log that stores when it is told to.
type waiting struct {
	book
	come chan struct{}
	go_  chan struct{}
}

func (w *waiting) Append(ctx context.Context, list []events.Outgoing) (int, error) {
	w.come <- struct{}{}
	<-w.go_
	return w.book.Append(ctx, list)
}

// TestDrain holds that a request which has begun is answered when the server ends, and that
// no other begins.
func TestDrain(t *testing.T) {
	o := options()
	o.Listen = "127.0.0.1:0"
	s, err := ingest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &waiting{book: book{most: 1 << 20, ids: map[string]bool{}}, come: make(chan struct{}), go_: make(chan struct{})}
	s.Open(w, nil, nil)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan int)
	go func() {
		status, _ := post(t, s.Address(), request)
		answered <- status
	}()
	<-w.come
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			break // no new connection is taken
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	close(w.go_)
	if status := <-answered; status != 202 {
		t.Errorf("answered %d", status)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	s.Open(&w.book, nil, nil) // does not wait
	if got := send(t, s, "/v1/events/requests", request); got.Status != 503 || len(w.list) != 1 {
		t.Errorf("over a connection that was open: %+v; %d messages are stored", got, len(w.list))
	}
}

// certificate makes a certificate that signs itself, or that another signs.
func certificate(t *testing.T, dir, name string, parent *x509.Certificate,
	parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: parent == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ending, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der},
		".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name+ending), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// TestMutualTLS holds that a producer without a certificate that the authority has signed is
// turned away.
func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	authority, key := certificate(t, dir, "authority", nil, nil)
	certificate(t, dir, "server", authority, key)
	certificate(t, dir, "producer", authority, key)
	other, otherKey := certificate(t, dir, "stranger", nil, nil)
	certificate(t, dir, "intruder", other, otherKey)
	o := options()
	o.CertFile, o.KeyFile, o.ClientCA = filepath.Join(dir, "server.pem"), filepath.Join(dir,
		"server.key"), filepath.Join(dir, "authority.pem")
	s, _ := listen(t, o)
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for name, ok := range map[string]bool{"producer": true, "intruder": false, "": false} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{RootCAs: roots}
			if name != "" {
				pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
				if err != nil {
					t.Fatal(err)
				}
				config.Certificates = []tls.Certificate{pair}
			}
			client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			answer, err := client.Post("https://"+s.Address()+"/v1/events/requests", "application/json",
				strings.NewReader(request))
			if (err == nil) != ok {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				if answer.Body.Close(); answer.StatusCode != 202 {
					t.Errorf("answered %s", answer.Status)
				}
			}
		})
	}
}

// TestBroker holds what is answered over a real broker: stored events are there, a copy is
// one, and a stream that is full, missing, another or away is told apart.
func TestBroker(t *testing.T) {
	dir := t.TempDir()
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: dir, Port: 0})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }() // it is closed by then
	nc, err := jetstream.Connect(jetstream.ConnOptions{URL: server.URL()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "requests", Subjects: []string{"requests.>"},
		MaxMsgs: 3, Discard: natsjs.DiscardNew})
	if err != nil {
		t.Fatal(err)
	}
	appender, err := jetstream.NewAppender(nc, jetstream.AppenderOptions{Queue: 50 * time.Millisecond,
		AckTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer appender.Close()
	s, err := ingest.New(options())
	if err != nil {
		t.Fatal(err)
	}
	use := func(stream string) { s.Open(appender, map[string]string{"requests": stream}, nil) }
	step := func(name, body string, status, copies int, detail string) {
		t.Run(name, func(t *testing.T) {
			got := send(t, s, "/v1/events/requests", body)
			if got.Status != status || got.Copies != copies || !strings.Contains(got.Detail, detail) {
				t.Errorf("got %+v", got)
			}
		})
	}
	numbered := func(i int) string { return fmt.Sprintf(`{"request_id":"r%d","ts":"2026-11-23T11:59:00Z"}`, i) }
	use("requests")
	step("stored", numbered(1), 202, 0, "")
	step("a copy", numbered(1), 202, 1, "")
	step("several", "["+numbered(2)+","+numbered(3)+"]", 202, 0, "")
	use("clicks")
	step("held by another stream", numbered(4), 503, 0, "another stream than clicks")
	use("requests")
	step("the last one", numbered(4), 202, 0, "")
	step("full", numbered(5), 503, 0, "takes no messages")
	got, err := js.Stream(t.Context(), "requests")
	if err != nil {
		t.Fatal(err)
	}
	if n := got.CachedInfo().State.Msgs; n != 3 {
		t.Errorf("%d messages are stored", n)
	}
	if err := js.DeleteStream(t.Context(), "requests"); err != nil {
		t.Fatal(err)
	}
	step("no stream", numbered(6), 503, 0, "no stream holds subject requests.http")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	step("away", numbered(7), 503, 0, "the broker is away")
}

// TestSlowBroker holds that a broker which does not answer costs a bounded time and memory:
// a plain subscriber takes what is published, and acknowledges nothing.
func TestSlowBroker(t *testing.T) {
	server, err := jetstream.StartServer(jetstream.ServerOptions{StoreDir: t.TempDir(), Port: 0})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	nc, err := jetstream.Connect(jetstream.ConnOptions{URL: server.URL()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Subscribe("requests.http", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	appender, err := jetstream.NewAppender(nc, jetstream.AppenderOptions{Bytes: 1000, Queue: 20 * time.Millisecond,
		AckTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer appender.Close()
	message := events.Outgoing{Subject: "requests.http", Data: make([]byte, 800), Events: 1}
	first := make(chan error)
	go func() {
		_, err := appender.Append(t.Context(), []events.Outgoing{message})
		first <- err
	}()
	reasons := map[string]int{}
	for ended := false; !ended; {
		var err error
		select {
		case err = <-first:
			ended = true
		default:
			_, err = appender.Append(t.Context(), []events.Outgoing{message})
		}
		var stored *events.StoreError
		if !errors.As(err, &stored) || stored.Fault != events.FaultSlow {
			t.Fatalf("got %v", err)
		}
		reasons[stored.Reason]++
	}
	if len(reasons) != 2 {
		t.Errorf("got %v", reasons)
	}
}
