package jetstream

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// connLog tells the story of a connection: it was lost, it is still away (once
// a minute), it is back. The client calls it from several goroutines.
type connLog struct {
	opts     *ConnOptions
	log      *slog.Logger
	repeated *rateLimitedLog
	elapsed  func() time.Duration

	mu         sync.Mutex
	away       bool
	healing    bool          // the connection will be replaced
	lost       time.Duration // when
	lastLogged time.Duration // when it was last said to be away
}

func newConnLog(log *slog.Logger, opts *ConnOptions) *connLog {
	elapsed := newElapsed()
	log = orSilent(log)
	return &connLog{opts: opts, log: log, repeated: newRateLimitedLog(log, elapsed), elapsed: elapsed}
}

func (c *connLog) options() []nats.Option {
	return []nats.Option{
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) { c.disconnected(err) }),
		nats.ReconnectErrHandler(func(nc *nats.Conn, err error) { c.stillAway(err) }),
		nats.ConnectHandler(func(nc *nats.Conn) { c.connected(nc) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.connected(nc) }),
		nats.ErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) { c.trouble(nc, err) }),
	}
}

// disconnected is also called when the connection is closed on purpose; then
// there is no error and nothing to tell.
func (c *connLog) disconnected(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.away {
		c.away, c.lost = true, c.elapsed()
		c.lastLogged = c.lost
		c.log.Warn("nats disconnected, reconnecting for ever", "cause", c.opts.scrub(err))
	}
}

func (c *connLog) stillAway(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.elapsed()
	if !c.away {
		c.away, c.lost, c.lastLogged = true, now, now
	}
	if now-c.lastLogged >= repeatEvery {
		c.lastLogged = now
		c.log.Warn("nats is still away", "for", (now - c.lost).Round(time.Second), "cause", c.opts.scrub(err))
	}
}

func (c *connLog) connected(nc *nats.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		c.log.Info("nats reconnected", "url", nc.ConnectedUrlRedacted(), "after",
			(c.elapsed() - c.lost).Round(time.Millisecond))
	}
	c.away = false
	c.repeated.reset()
}

// healAfter is when a connection is replaced after NATS has refused a subscription:
// the server does not tell when it would allow it, and to have been allowed again is
// of no use to a subscription that is gone.
const healAfter = 5 * time.Second

// heal replaces the connection after a while. If the subscription is refused again,
// that comes here again.
func (c *connLog) heal(nc *nats.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.healing {
		return
	}
	c.healing = true
	time.AfterFunc(healAfter, func() {
		c.mu.Lock()
		c.healing = false
		c.mu.Unlock()
		_ = nc.ForceReconnect() // fails only if it is closed
	})
}

func (c *connLog) trouble(nc *nats.Conn, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), "Subscription") {
		c.heal(nc)
	}
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		c.repeated.warn("nats dropped messages to us, they will be read again", "cause", c.opts.scrub(err))
	case errors.Is(err, nats.ErrPermissionViolation):
		c.repeated.warn("nats refused a permission: allow it to the joiner's user; labeljoin doctor lists what it needs",
			"cause", c.opts.scrub(err))
	default:
		c.repeated.warn("nats reported an error", "cause", c.opts.scrub(err))
	}
}

// scrubbed is an error whose text had secrets in it. Unwrap keeps its identity.
type scrubbed struct {
	text string
	err  error
}

func (s scrubbed) Error() string { return s.text }
func (s scrubbed) Unwrap() error { return s.err }

// scrub takes the secrets that were given out of an error's text.
func (o *ConnOptions) scrub(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range o.secrets() {
		text = strings.ReplaceAll(text, secret, "xxxxx")
	}
	if text == err.Error() {
		return err
	}
	return scrubbed{text: text, err: err}
}

func (o *ConnOptions) secrets() []string {
	var secrets []string
	add := func(secret string) {
		if secret != "" {
			secrets = append(secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	token, password := o.renewed()
	for _, secret := range []string{o.Token, o.Password, token, password} {
		add(secret)
	}
	for one := range strings.SplitSeq(o.URL, ",") {
		user, _, found := cutUserinfo(one)
		if !found {
			continue
		}
		if name, password, both := strings.Cut(user, ":"); both {
			add(password)
		} else {
			add(name) // a lone user in a NATS URL is a token
		}
	}
	return secrets
}

// redact replaces the credentials in a list of URLs, also in malformed ones.
func redact(address string) string {
	parts := strings.Split(address, ",")
	for i, one := range parts {
		if user, rest, found := cutUserinfo(one); found {
			scheme := one[:len(one)-len(rest)-len(user)-len("@")]
			parts[i] = scheme + "xxxxx@" + rest
		}
	}
	return strings.Join(parts, ",")
}

// cutUserinfo splits scheme://user@rest at the last '@', so that a password
// that holds one unescaped is still taken out as a whole.
func cutUserinfo(one string) (user, rest string, found bool) {
	if _, after, ok := strings.Cut(one, "://"); ok {
		one = after
	}
	at := strings.LastIndexByte(one, '@')
	if at < 0 {
		return "", one, false
	}
	return one[:at], one[at+1:], true
}
