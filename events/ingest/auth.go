package ingest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tokens are those of a file. The file is read again when it changes.
type Tokens struct {
	setting string // that names the file, for errors
	path    string
	least   int      // bytes of the shortest one
	inputs  []string // that there are

	mu    sync.Mutex
	stamp stamp
	allow map[[32]byte][]string // the inputs of a token, by its hash; empty: all
	fault string                // why the file as it is now is not what is used
}

// stamp tells whether a file has changed.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// ReadTokens reads a file of tokens, which a setting names: one a line, each of at least so many
// bytes, and the inputs that it is for. The error names the setting, the file and the way out.
func ReadTokens(setting, path string, least int, inputs []string) (*Tokens, error) {
	t := &Tokens{setting: setting, path: path, least: max(1, least), inputs: inputs}
	return t, t.load()
}

// load reads the file.
func (t *Tokens) load() error {
	now, err := stampOf(t.path)
	if err != nil {
		return fmt.Errorf("%s: %w", t.setting, err)
	}
	text, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("%s: %w", t.setting, err)
	}
	allow, err := t.parse(text)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", t.setting, t.path, err)
	}
	t.stamp, t.allow, t.fault = now, allow, ""
	return nil
}

// parse reads tokens, one a line, each with the inputs that it is for. Errors do not
// repeat tokens.
func (t *Tokens) parse(text []byte) (map[[32]byte][]string, error) {
	allow := map[[32]byte][]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words[0]) < t.least {
			return nil, fmt.Errorf("the token of line %d has %d characters: it has at least %d (openssl rand -hex 16 makes one)",
				number, len(words[0]), t.least)
		}
		for _, input := range words[1:] {
			if len(t.inputs) == 0 {
				return nil, fmt.Errorf("line %d has more than a token: write one a line, and nothing beside it", number)
			}
			if !slices.Contains(t.inputs, input) {
				return nil, fmt.Errorf("line %d is for input %q, which does not exist: it is one of %s", number, clip(input),
					strings.Join(t.inputs, ", "))
			}
		}
		allow[sha256.Sum256([]byte(words[0]))] = words[1:]
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(allow) == 0 {
		return nil, errors.New("it has no token: write one a line")
	}
	return allow, nil
}

// Of tells which inputs a token is for; none means all. fault says that the file has changed and cannot be
// used, in which case what it said before holds.
func (t *Tokens) Of(token string) (inputs []string, known bool, fault string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now, err := stampOf(t.path); err != nil || now != t.stamp {
		if err := t.load(); err != nil {
			t.fault = err.Error()
		}
	}
	// Whether a hash is known says nothing about which tokens are near.
	inputs, known = t.allow[sha256.Sum256([]byte(token))]
	return inputs, known, t.fault
}

// authorize decides whether a request may send events of an input. A web page cannot set a
// header where it uses sendBeacon, so the token may stand in the address too.
func (s *Server) authorize(r *http.Request, input string) *failure {
	if s.tokens == nil {
		return nil
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = r.URL.Query().Get("token")
	}
	if token == "" {
		return fail(http.StatusUnauthorized, "a token is missing: send the header Authorization: Bearer TOKEN")
	}
	inputs, known, fault := s.tokens.Of(strings.TrimSpace(token))
	if fault != "" {
		s.notices.add("tokens", "the file of tokens cannot be read again: what it said before holds", 1, "cause", fault)
	}
	switch {
	case !known:
		return fail(http.StatusUnauthorized, "the token is not known")
	case len(inputs) > 0 && !slices.Contains(inputs, input):
		return fail(http.StatusForbidden, "the token is not for input %s", clip(input))
	}
	return nil
}

// certificate is the server's own. It is read again when its file changes.
type certificate struct {
	cert, key string

	mu    sync.Mutex
	stamp stamp
	pair  *tls.Certificate
}

func readCertificate(cert, key string) (*certificate, error) {
	c := &certificate{cert: cert, key: key}
	return c, c.load()
}

func (c *certificate) load() error {
	now, err := stampOf(c.cert)
	if err != nil {
		return fmt.Errorf("http.ingest.tls.cert: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("http.ingest.tls: the certificate %s and the key %s: %w", c.cert, c.key, err)
	}
	c.stamp, c.pair = now, &pair
	return nil
}

// get implements tls.Config.GetCertificate. While a new certificate cannot be read, the old
// one serves.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, err := stampOf(c.cert); err == nil && now != c.stamp {
		_ = c.load()
	}
	return c.pair, nil
}

// tlsConfig is how connections are secured.
func (s *Server) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certs.get, NextProtos: []string{"http/1.1"}}
	if s.opts.ClientCA == "" {
		return config, nil
	}
	text, err := os.ReadFile(s.opts.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("http.ingest.tls.client_ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("http.ingest.tls.client_ca: %s has no certificate in PEM", s.opts.ClientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
