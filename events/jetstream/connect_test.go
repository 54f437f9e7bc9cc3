package jetstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const secret = "s3cr3t@:/pass"

// guarded starts a server that wants credentials.
func guarded(t *testing.T, configure func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	configure(options)
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server did not start")
	}
	return s
}

// letsIn checks that good options connect, and that bad ones are refused at
// once, without the secret in the error or the log.
func letsIn(t *testing.T, s *server.Server, good ConnOptions, bad ...ConnOptions) {
	t.Helper()
	if good.URL == "" {
		good.URL = s.ClientURL()
	}
	nc := dial(t, good)
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	for _, opts := range bad {
		if opts.URL == "" {
			opts.URL = s.ClientURL()
		}
		var text strings.Builder
		nc, err := Connect(opts, textLog(&text))
		if err == nil {
			nc.Close()
			t.Fatalf("connected with %d", len(bad))
		}
		for _, told := range []string{err.Error(), text.String()} {
			if strings.Contains(told, "s3cr3t") || strings.Contains(told, url.QueryEscape(secret)) {
				t.Fatalf("told a secret: %s", told)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(o *server.Options) { o.Authorization = secret })
	letsIn(t, s, ConnOptions{Token: secret}, ConnOptions{}, ConnOptions{Token: "s3cr3t"})
}

func TestUserAndPassword(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(o *server.Options) { o.Username, o.Password = "joe", secret })
	letsIn(t, s, ConnOptions{User: "joe", Password: secret}, ConnOptions{User: "joe", Password: "s3cr3t"}, ConnOptions{User: "ann", Password: secret})
	inURL := strings.Replace(s.ClientURL(), "nats://", "nats://"+url.UserPassword("joe", secret).String()+"@", 1)
	wrong := strings.Replace(s.ClientURL(), "nats://", "nats://joe:s3cr3t@", 1)
	letsIn(t, s, ConnOptions{URL: inURL}, ConnOptions{URL: wrong})
}

// TestSecretsAreRenewed: a token or a password that the server has changed is read again.
func TestSecretsAreRenewed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  func(o *server.Options, secret string)
		conn ConnOptions
	}{
		{"token", func(o *server.Options, secret string) { o.Authorization = secret }, ConnOptions{Token: "old"}},
		{"password", func(o *server.Options, secret string) { o.Username, o.Password = "joe", secret }, ConnOptions{User: "joe", Password: "old"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := &server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true}
			c.set(options, "old")
			s, err := server.NewServer(options.Clone())
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			defer s.Shutdown()
			if !s.ReadyForConnections(patience) {
				t.Fatal("the server does not become ready")
			}
			var mu sync.Mutex
			secret := "old"
			c.conn.URL, c.conn.ReconnectWait = s.ClientURL(), time.Millisecond
			c.conn.Renewed = func() (token, password string, err error) {
				mu.Lock()
				defer mu.Unlock()
				return secret, secret, nil
			}
			nc, err := Connect(c.conn, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			reconnected := make(chan struct{}, 1)
			nc.SetReconnectHandler(func(*nats.Conn) { reconnected <- struct{}{} })
			mu.Lock()
			secret = "new"
			mu.Unlock()
			c.set(options, "new")
			options.Port = s.Addr().(*net.TCPAddr).Port
			if err := s.ReloadOptions(options); err != nil {
				t.Fatal(err)
			}
			select {
			case <-reconnected:
			case <-time.After(patience):
				t.Fatal("it does not come in again")
			}
		})
	}
}

// TestAnswersBelowAPrefix: a user who may subscribe to that alone hears answers.
func TestAnswersBelowAPrefix(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(o *server.Options) {
		o.JetStream, o.StoreDir = true, t.TempDir()
		only := &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"$JS.API.>"}}, Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_j.>"}},
		}
		o.Users = []*server.User{{Username: "joe", Password: secret, Permissions: only}}
	})
	for _, c := range []struct {
		prefix, answers string
		heard           bool
	}{{"_INBOX_j", "_INBOX_j.>", true}, {"", "_INBOX.>", false}} {
		t.Run(c.answers, func(t *testing.T) {
			nc, err := Connect(ConnOptions{URL: s.ClientURL(), User: "joe", Password: secret, InboxPrefix: c.prefix}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if got := Answers(nc); got != c.answers {
				t.Errorf("answers come to %s, want %s", got, c.answers)
			}
			wait := patience
			if !c.heard {
				wait = 200 * time.Millisecond
			}
			if _, err := nc.Request("$JS.API.INFO", nil, wait); (err == nil) != c.heard {
				t.Errorf("asked, it says %v", err)
			}
		})
	}
}

func TestNkeys(t *testing.T) {
	t.Parallel()
	write := func(name string) (public, file string) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		seed, err := pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		if public, err = pair.PublicKey(); err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, seed, 0o600); err != nil {
			t.Fatal(err)
		}
		return public, file
	}
	public, right := write("right")
	_, wrong := write("wrong")
	s := guarded(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	letsIn(t, s, ConnOptions{NkeyFile: right}, ConnOptions{NkeyFile: wrong}, ConnOptions{NkeyFile: right + ".missing"}, ConnOptions{})
}

func TestCredsFileThatIsMissing(t *testing.T) {
	t.Parallel()
	s := guarded(t, func(*server.Options) {})
	letsIn(t, s, ConnOptions{}, ConnOptions{CredsFile: filepath.Join(t.TempDir(), "missing.creds")})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	serverCert, _, _ := ca.issue(t, "broker.example")
	s := guarded(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{serverCert}}
	})
	letsIn(t, s,
		ConnOptions{CAFile: ca.file, ServerName: "broker.example"},
		ConnOptions{CAFile: ca.file, ServerName: "other.example"},
		ConnOptions{CAFile: newAuthority(t).file, ServerName: "broker.example"},
		ConnOptions{CAFile: ca.file + ".missing"},
		ConnOptions{},
	)
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	serverCert, _, _ := ca.issue(t, "broker.example")
	_, cert, key := ca.issue(t, "client")
	_, strangeCert, strangeKey := newAuthority(t).issue(t, "client")
	s := guarded(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{serverCert},
			ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		}
		o.TLSVerify = true
	})
	good := ConnOptions{CAFile: ca.file, ServerName: "broker.example", CertFile: cert, KeyFile: key}
	letsIn(t, s, good,
		ConnOptions{CAFile: ca.file, ServerName: "broker.example", CertFile: cert},
		ConnOptions{CAFile: ca.file, ServerName: "broker.example", CertFile: cert, KeyFile: key + ".missing"},
		ConnOptions{CAFile: ca.file, ServerName: "broker.example", CertFile: strangeCert, KeyFile: strangeKey},
	)
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "ca.pem")}
	a.pool.AddCert(cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func (a *authority) issue(t *testing.T, name string) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	return pair, certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOptionsThatContradictEachOther(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ConnOptions{
		"two credentials":    {Token: secret, User: "joe", Password: secret},
		"password alone":     {Password: secret},
		"key without cert":   {KeyFile: "key.pem"},
		"malformed":          {URL: "nats://joe:s3cr3t@host:port"},
		"unescaped password": {URL: "nats://joe:" + secret + "@host:4222"},
		"no host":            {URL: "nats://"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(opts, nil)
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"nats://host:4222":                           "nats://host:4222",
		"nats://joe:s3cr3t@host:4222":                "nats://xxxxx@host:4222",
		"joe:s3cr3t@host":                            "xxxxx@host",
		"nats://token@a:1,tls://joe:p@ss@b:2,c:3":    "nats://xxxxx@a:1,tls://xxxxx@b:2,c:3",
		"nats://" + secret + "@host," + "nats://b:1": "nats://xxxxx@host,nats://b:1",
	} {
		t.Run(address, func(t *testing.T) {
			if got := redact(address); got != want {
				t.Errorf("%q becomes %q, want %q", address, got, want)
			}
		})
	}
}

// safeLog is a log that the client's goroutines write and the test reads.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) waitFor(t *testing.T, part string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		text := l.text.String()
		l.mu.Unlock()
		if strings.Contains(text, part) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q: %s", part, text)
		}
	}
}

// A server that is not there yet is waited for, and the log tells the story.
func TestServerComesLater(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	log := &safeLog{}
	nc, err := Connect(ConnOptions{URL: "nats://joe:s3cr3t@" + address.String(), ReconnectWait: 10 * time.Millisecond}, textLog(log))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log.waitFor(t, "nats is away")
	dir := t.TempDir()
	server := serve(t, dir, address.Port)
	log.waitFor(t, "nats reconnected")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	log.waitFor(t, "nats disconnected")
	if err := nc.Publish("x", nil); err != nil && !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Fatal(err)
	}
	if text := log.text.String(); strings.Contains(text, "s3cr3t") {
		t.Fatalf("told a secret: %s", text)
	}
}

func TestConnLogSpeaksOnceAMinuteWhileAway(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	var now time.Duration
	c := newConnLog(textLog(&text), &ConnOptions{Password: secret})
	c.elapsed = func() time.Duration { return now }
	refused := errors.New("refused, password " + secret)
	c.disconnected(nil) // closed on purpose
	c.disconnected(refused)
	for ; now < 3*time.Minute; now += time.Second {
		c.stillAway(refused)
	}
	if n := strings.Count(text.String(), "still away"); n != 2 {
		t.Errorf("said to be away %d times in three minutes", n)
	}
	if n := strings.Count(text.String(), "level="); n != 3 {
		t.Errorf("logged %d lines: %s", n, text.String())
	}
	if strings.Contains(text.String(), "s3cr3t") {
		t.Errorf("told a secret: %s", text.String())
	}
	for range 100 {
		c.trouble(nil, nats.ErrSlowConsumer)
		c.trouble(nil, nats.ErrPermissionViolation)
		c.trouble(nil, refused)
	}
	if n := strings.Count(text.String(), "level="); n != 6 {
		t.Errorf("logged %d lines after three kinds of trouble", n)
	}
}

func TestAServerLocksItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serve(t, dir, -1)
	if second, err := StartServer(ServerOptions{StoreDir: dir, Port: -1}); err == nil {
		second.Close()
		t.Fatal("two servers share a directory")
	} else if !strings.Contains(err.Error(), dir) {
		t.Fatalf("%q does not name the directory", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, -1)
	if _, err := StartServer(ServerOptions{}); err == nil {
		t.Fatal("a server without a directory started")
	}
}
