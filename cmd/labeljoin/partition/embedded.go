package partition

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// embeddedUser is the name that goes with the embedded server's password.
const embeddedUser = "labeljoin"

// EmbeddedURLPath is a file with the address of the embedded server, login
// included, as clients take it. Only its owner reads it.
func EmbeddedURLPath(stateDir string) string { return filepath.Join(stateDir, "nats.url") }

// startServer starts the embedded server, its streams beside the state. Its
// address and password are written down for producers and consumers.
func startServer(ctx context.Context, c *config.Config, durable bool, log *slog.Logger) (*jetstream.Server, error) {
	if err := MakeDir(c.State.Dir); err != nil {
		return nil, err
	}
	login, err := embeddedLogin(c)
	if err != nil {
		return nil, err
	}
	server, err := jetstream.StartServer(jetstream.ServerOptions{
		StoreDir: filepath.Join(c.State.Dir, "nats"), Host: c.NATS.Listen, Port: int(c.NATS.Port),
		// The log is the truth: what it has acknowledged must outlive the power.
		SyncAlways: durable, Login: login, Log: log, Stop: ctx.Done(),
	})
	if err != nil {
		return nil, err
	}
	if err := writeEmbeddedURL(c.State.Dir, server.URL(), login); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	log.Info("embedded NATS server", "url", server.URL(), "auth", string(c.NATS.Auth), "url_with_password",
		EmbeddedURLPath(c.State.Dir))
	return server, nil
}

// embeddedLogin is who may connect: the password is that of the start before,
// so that producers need not be told anew. nil is everyone.
func embeddedLogin(c *config.Config) (*jetstream.ServerLogin, error) {
	if c.NATS.Auth == config.AuthNone {
		return nil, nil
	}
	login := &jetstream.ServerLogin{User: embeddedUser, SameUser: c.NATS.Auth == config.AuthLocal}
	u, err := readEmbeddedURL(c.State.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		login.Password, _ = u.User.Password()
	}
	if login.Password == "" {
		login.Password = rand.Text()
	}
	return login, nil
}

// readEmbeddedURL reads the address of a state's embedded server.
func readEmbeddedURL(stateDir string) (*url.URL, error) {
	path := EmbeddedURLPath(stateDir)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded server's address: %w", err)
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" { // the error would print the password
		return nil, fmt.Errorf("%s is not the address of a server: delete it, and the next start makes another password",
			path)
	}
	return u, nil
}

// writeEmbeddedURL writes it, unless it is there already. It is replaced as a
// whole: a client may read it at any moment.
func writeEmbeddedURL(stateDir, address string, login *jetstream.ServerLogin) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("the embedded server's address %q: %w", address, err)
	}
	if login != nil {
		u.User = url.UserPassword(login.User, login.Password)
	}
	path := EmbeddedURLPath(stateDir)
	if old, err := os.ReadFile(path); err == nil && string(old) == u.String() {
		return nil
	}
	draft := path + ".draft"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing the embedded server's address: %w", err)
	}
	if err := errors.Join(os.WriteFile(draft, []byte(u.String()), 0o600), os.Rename(draft, path)); err != nil {
		return fmt.Errorf("writing the embedded server's address: %w", err)
	}
	return nil
}
