package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// SocketName is the socket in the state directory at which a running joiner
// answers the other commands. A user who may read the directory may ask.
const SocketName = "control.sock"

// controlTimeout is how long a joiner may take to answer: it does so between
// two batches, and one that waits for a broker or a disk not before that is back.
const controlTimeout = 15 * time.Second

// ErrNotRunning says that no joiner answers at the socket.
var ErrNotRunning = errors.New("no joiner runs on this state directory")

// Control answers status and explain.
type Control struct {
	server *http.Server
	done   chan error
}

// ServeControl begins to answer. The caller closes it. It holds the lock on the
// state by then, so a socket that is there already was left by a process that
// died. more adds to a status what the engine does not know; last is the sequence of a stream's newest message.
func ServeControl(stateDir, name string, e func() *engine.Engine, more func(*engine.Stats, *Status),
	last func(ctx context.Context, stream string) (uint64, error), log *slog.Logger) (*Control, error) {
	path := filepath.Join(stateDir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old control socket: %w", err)
	}
	listener, err := ListenShort(path)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		stats := e().Stats()
		s := statusOf(name, stats)
		more(&stats, &s)
		s.measureLag(r.Context(), last)
		writeJSON(w, s)
	})
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), controlTimeout)
		defer cancel()
		story, err := e().Inspect(ctx, r.URL.Query().Get("id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, story)
	})
	c := &Control{done: make(chan error, 1), server: &http.Server{
		Handler: mux, ConnState: (&ingest.ConnBound{Most: maxConns}).Watch, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() { c.done <- c.server.Serve(listener) }() // ended by close
	return c, nil
}

// ListenShort listens at a path that only the owner may use. A socket's path may
// have a hundred bytes only; where it is longer, the way there is made shorter.
func ListenShort(path string) (net.Listener, error) {
	var listener net.Listener
	err := viaShort(path, func(short string) (err error) {
		listener, err = net.Listen("unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening at the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protecting the control socket: %w", err), listener.Close())
	}
	return listener, nil
}

// viaShort calls f with a path that a socket's address has room for.
func viaShort(path string, f func(short string) error) error {
	const room = 100
	if len(path) <= room {
		return f(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// Close stops answering.
func (c *Control) Close() error { return closeServer(c.server, c.done) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // fails only if the client is gone
}

// Ask asks the joiner that runs on a state directory. It returns
// errNotRunning if there is none.
func Ask(ctx context.Context, stateDir, what string, query url.Values, answer any) error {
	path := filepath.Join(stateDir, SocketName)
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (conn net.Conn,
		err error) {
		err = viaShort(path, func(short string) (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, "unix", short)
			return err
		})
		return conn, err
	}}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, 2*controlTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://labeljoin/"+what+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("whether a joiner runs can only be asked by the user who runs it: give this command as the owner of %s: %w", stateDir, err)
	case err != nil:
		return fmt.Errorf("asking the running joiner: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("the running joiner does not answer: %s", text)
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("the running joiner's answer cannot be read; is it of another version? %w", err)
	}
	return nil
}
