package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerOptions is how the embedded server runs.
type ServerOptions struct {
	StoreDir   string       // where streams are kept; created if missing
	Host       string       // empty: 127.0.0.1
	Port       int          // 0: a free one, -1: only this process can connect
	SyncAlways bool         // fsync every message before it is acknowledged
	MaxPayload int          // bytes of the largest message; 0: 1 MiB
	Login      *ServerLogin // nil: every client may connect, and do everything
	Log        *slog.Logger
	Stop       <-chan struct{} // closed: give up starting; nil: never
}

// Server is a NATS server with JetStream inside this process.
type Server struct {
	server  *server.Server
	options *server.Options
	lock    *os.File
	once    sync.Once
	full    *atomic.Bool // a write found no room
	login   *ServerLogin // nil: it asks for none
}

// StartServer starts a server and waits until it is ready. Its store directory
// is locked against a second server: two would ruin each other's streams.
func StartServer(opts ServerOptions) (*Server, error) {
	if opts.StoreDir == "" {
		return nil, errors.New("the embedded NATS server needs a directory for its streams")
	}
	if err := os.MkdirAll(opts.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	lock, err := lockFile(filepath.Join(opts.StoreDir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %s is in use by another process: stop it, or choose another directory: %w", opts.StoreDir, err)
	}
	options := opts.translate()
	var door *doorman
	if opts.Login != nil {
		door = &doorman{login: *opts.Login}
		door.port.Store(int64(opts.Port))
		options.CustomClientAuthentication = door
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded NATS server: %w", err), lock.Close())
	}
	full, failed := new(atomic.Bool), make(chan string, 1)
	s.SetLoggerV2(serverLog{log: orSilent(opts.Log), full: full, failed: failed}, false, false, false)
	s.Start()
	if err := awaitReady(s, opts, failed); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.Join(err, lock.Close())
	}
	if address, ok := s.Addr().(*net.TCPAddr); ok && door != nil {
		door.port.Store(int64(address.Port))
	}
	return &Server{server: s, options: options, lock: lock, full: full, login: opts.Login}, nil
}

// awaitReady waits until a server takes connections, which may be long: it reads its
// streams first. It ends early when the server cannot go on, or is not wanted any more.
func awaitReady(s *server.Server, opts ServerOptions, failed <-chan string) error {
	const often, readyTimeout = 100 * time.Millisecond, 10 * time.Minute
	for waited := time.Duration(0); waited < readyTimeout; waited += often {
		if s.ReadyForConnections(often) {
			if s.JetStreamEnabled() {
				return nil
			}
			return fmt.Errorf("embedded NATS server: it has no JetStream: is %s writable?", opts.StoreDir)
		}
		select {
		case why := <-failed:
			return fmt.Errorf("embedded NATS server: %s; if port %d is in use by another process, stop that one, or set nats.port to another (0: any that is free)", why, opts.Port)
		case <-opts.Stop:
			return fmt.Errorf("embedded NATS server: it was told to stop while it started: %w", context.Canceled)
		default:
		}
	}
	return fmt.Errorf("embedded NATS server: not ready within %v: is %s writable?", readyTimeout, opts.StoreDir)
}

func (o *ServerOptions) translate() *server.Options {
	options := &server.Options{
		ServerName:            "labeljoin",
		Host:                  o.Host,
		Port:                  o.Port,
		DontListen:            o.Port < 0,
		MaxPayload:            int32(o.MaxPayload),
		JetStream:             true,
		StoreDir:              o.StoreDir,
		SyncAlways:            o.SyncAlways,
		NoSigs:                true, // signals belong to the program around it
		DisableShortFirstPing: true,
	}
	if o.Host == "" {
		options.Host = "127.0.0.1"
	}
	if o.Port <= 0 {
		options.Port = server.RANDOM_PORT
	}
	return options
}

// URL is where clients connect; it is of no use when the server does not
// listen.
func (s *Server) URL() string { return s.server.ClientURL() }

// Close shuts down and waits until the streams are on disk. It may be called
// more than once.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		err = s.lock.Close()
	})
	return err
}

// serverLog passes on what the server complains about and keeps quiet about
// the rest.
type serverLog struct {
	log    *slog.Logger
	full   *atomic.Bool
	failed chan<- string // why the server cannot go on; capacity one
}

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("embedded nats: " + fmt.Sprintf(format, v...))
}

// Errorf says of a full disk only once that it is, until Revive.
func (l serverLog) Errorf(format string, v ...any) {
	noRoom := func(arg any) bool {
		err, ok := arg.(error)
		return ok && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
	}
	if slices.ContainsFunc(v, noRoom) && l.full.Swap(true) {
		return
	}
	l.log.Error("embedded nats: " + fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	l.log.Error("embedded nats: " + why)
	select {
	case l.failed <- why:
	default: // the first one counts
	}
}

// Revive brings JetStream back after a write found the disk full: the server
// turns it off then, or keeps a stream from being written for good, even when
// there is room again. It does nothing while all is well. What was acknowledged
// is on the disk and is found again; readers read on.
func (s *Server) Revive() error {
	stuck := s.full.Swap(false)
	if !s.server.Running() || s.server.JetStreamEnabled() && !stuck {
		return nil
	}
	if err := s.server.ShutdownJetStream(); err != nil {
		return err
	}
	return s.server.EnableJetStream(&server.JetStreamConfig{
		StoreDir: s.options.StoreDir, SyncInterval: s.options.SyncInterval, SyncAlways: s.options.SyncAlways,
		Strict: true, CompressOK: true,
	})
}
