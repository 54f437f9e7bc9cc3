package jetstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ConnOptions says where NATS is and who we are. At most one kind of
// credentials may be given. No field is ever printed as a whole.
type ConnOptions struct {
	URL         string  // one or several, separated by commas; empty means nats://127.0.0.1:4222
	InProcess   *Server // connect to this embedded server, without a socket
	Name        string  // how the connection is called in the server's monitoring
	InboxPrefix string  // for accounts that may not subscribe to _INBOX.>

	ReconnectWait time.Duration // between attempts to reconnect, and up to as much again; 0: 500 ms

	CredsFile string // a .creds file: user JWT and seed
	NkeyFile  string // a file with an nkey seed
	Token     string
	User      string
	Password  string
	// Renewed reads the token or the password again before each attempt to connect, because
	// its file may have changed. If it fails, the one from before is used. Nil: it stays.
	Renewed func() (token, password string, err error)

	// Once is set by commands, which a person waits for: a server that cannot be
	// reached at first is an error.
	Once bool

	CAFile     string // PEM; implies TLS
	CertFile   string // PEM, with KeyFile: mutual TLS
	KeyFile    string
	ServerName string // name the server's certificate is checked against, if not the host of the URL
}

// OptionsError says that the options of a connection are malformed, contradict
// each other or name files that cannot be used.
type OptionsError struct{ Err error }

// Error implements error.
func (e *OptionsError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *OptionsError) Unwrap() error { return e.Err }

// Misuse reports that the configuration has to be changed.
func (e *OptionsError) Misuse() bool { return true }

// Connect opens a connection that lasts until it is closed: it reconnects for
// ever, also when no server could be reached at first, unless ConnOptions.Once
// says otherwise, and logs changes of its state calmly. Errors are those that waiting does not heal: options that
// contradict each other, files that cannot be read, credentials or
// certificates that were refused. No secret is printed or part of an error.
func Connect(opts ConnOptions, log *slog.Logger) (*nats.Conn, error) {
	address, err := opts.address()
	if err != nil {
		return nil, &OptionsError{err}
	}
	options, err := opts.options(log)
	if err != nil {
		return nil, &OptionsError{opts.scrub(err)}
	}
	nc, err := nats.Connect(address, options...)
	switch {
	case err == nil:
		return nc, nil
	case opts.Once || lasting(err):
		return nil, fmt.Errorf("connect to %s: %w", redact(address), opts.scrub(err))
	}
	orSilent(log).Warn("nats is away, trying for ever", "url", redact(address), "cause", opts.scrub(err))
	nc, err = nats.Connect(address, append(options, nats.RetryOnFailedConnect(true))...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", redact(address), opts.scrub(err))
	}
	return nc, nil
}

// address is the URL to connect to, checked here so that the error of a
// malformed one does not print it.
func (o *ConnOptions) address() (string, error) {
	if o.InProcess != nil {
		return "", nil
	}
	address := o.URL
	if address == "" {
		address = nats.DefaultURL
	}
	for one := range strings.SplitSeq(address, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
			return "", errors.New("a NATS url is malformed: write it as nats://host:4222, with the characters @ : / ? # % " +
				"of a password percent-encoded")
		}
	}
	return address, nil
}

// options translates to the client's.
func (o *ConnOptions) options(log *slog.Logger) ([]nats.Option, error) {
	wait := o.ReconnectWait
	if wait <= 0 {
		wait = 500 * time.Millisecond
	}
	options := []nats.Option{
		nats.Name(o.Name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(wait),
		nats.ReconnectJitter(wait, wait),
		nats.PingInterval(10 * time.Second), // a dead peer is noticed within half a minute
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1),   // what cannot be sent now is an error now, and its sender retries
		nats.IgnoreAuthErrorAbort(), // accounts are reloaded; refused twice is not refused for ever
	}
	if o.InProcess != nil {
		options = append(options, nats.InProcessServer(o.InProcess.server))
		if l := o.InProcess.login; l != nil {
			options = append(options, nats.UserInfo(l.User, l.Password))
		}
	}
	if o.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	credentials, err := o.credentials()
	if err != nil {
		return nil, err
	}
	options = append(options, credentials...)
	encryption, err := o.encryption()
	if err != nil {
		return nil, err
	}
	options = append(options, encryption...)
	return append(options, newConnLog(log, o).options()...), nil
}

// Answers is the subject of the answers that a connection asks for, with a wildcard.
func Answers(nc *nats.Conn) string {
	prefix := nc.Opts.InboxPrefix
	if prefix == "" {
		prefix = strings.TrimSuffix(nats.InboxPrefix, ".")
	}
	return prefix + ".>"
}

func (o *ConnOptions) credentials() ([]nats.Option, error) {
	var options []nats.Option
	if o.CredsFile != "" {
		options = append(options, nats.UserCredentials(o.CredsFile))
	}
	if o.NkeyFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(o.NkeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the nkey seed in %s: %w", o.NkeyFile, err)
		}
		options = append(options, nkey)
	}
	if o.Token != "" {
		options = append(options, nats.TokenHandler(func() string { token, _ := o.renewed(); return token }))
	}
	if o.User != "" {
		options = append(options, nats.UserInfoHandler(func() (user, password string) {
			_, password = o.renewed()
			return o.User, password
		}))
	}
	switch {
	case o.User == "" && o.Password != "":
		return nil, errors.New("a NATS password is given without a user: give both")
	case len(options) > 1:
		return nil, errors.New("several kinds of NATS credentials are given: keep one of credentials file, nkey, token, user and password")
	}
	return options, nil
}

// renewed are the token and the password as they are now.
func (o *ConnOptions) renewed() (token, password string) {
	if o.Renewed != nil {
		if token, password, err := o.Renewed(); err == nil {
			return token, password
		}
	}
	return o.Token, o.Password
}

func (o *ConnOptions) encryption() ([]nats.Option, error) {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a NATS client certificate and its key belong together: give both files")
	}
	var options []nats.Option
	if o.CAFile != "" || o.CertFile != "" || o.ServerName != "" {
		// This one first: those that follow fill it in.
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}))
	}
	if o.CAFile != "" {
		options = append(options, nats.RootCAs(o.CAFile))
	}
	if o.CertFile != "" {
		options = append(options, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	return options, nil
}

// lasting reports whether an error of the first attempt will not go away by
// waiting for the server: everything but trouble of the network.
func lasting(err error) bool {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "remote error" {
		return true // a TLS alert: the other side refuses our certificate
	}
	var network net.Error
	isNetwork := errors.As(err, &network)
	if errors.Is(err, nats.ErrTLS) {
		// Also when the other side hangs up right after the handshake, which is
		// another way of refusing.
		return !isNetwork || !network.Timeout()
	}
	return !isNetwork && !errors.Is(err, io.EOF) && !errors.Is(err, nats.ErrNoServers) &&
		!errors.Is(err, nats.ErrTimeout) && !errors.Is(err, nats.ErrConnectionClosed) &&
		!errors.Is(err, nats.ErrStaleConnection)
}
