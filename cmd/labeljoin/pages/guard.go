package pages

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/ingest"
)

// guard lets those in who may see values of events: who has a token; without a file of tokens, this
// machine alone.
type guard struct {
	log     *slog.Logger
	tokens  *ingest.Tokens // nil: there are none
	private bool           // only this machine reaches the address
	faulty  atomic.Bool    // the file of tokens could not be read again, which was logged
}

func newGuard(c *config.Config, log *slog.Logger) (*guard, error) {
	g := &guard{log: log, private: c.HTTP.Private()}
	if c.HTTP.TokensFile == "" {
		return g, nil
	}
	var err error
	g.tokens, err = ingest.ReadTokens("http.tokens_file", c.HTTP.TokensFile, config.LeastToken(), nil)
	return g, err
}

// before answers with next to those who may see it.
func (g *guard) before(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		code, why := g.refusal(r)
		switch code {
		case http.StatusOK:
			next(w, r)
			return
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Basic realm="labeljoin: a token as the password", charset="UTF-8"`)
		}
		keepOut(w, code, why)
	})
}

// Shows implements monitor.Pages.
func (g *guard) Shows(r *http.Request) bool {
	code, _ := g.refusal(r)
	return code == http.StatusOK
}

// refusal is why the client of a request may not see values of events; http.StatusOK says that it may.
func (g *guard) refusal(r *http.Request) (code int, why string) {
	switch {
	case g.tokens != nil && !g.known(r):
		return http.StatusUnauthorized, "it needs a token of http.tokens_file, as the password with any user name, " +
			"or in the header Authorization: Bearer TOKEN"
	case g.tokens == nil && !g.private:
		return http.StatusForbidden, "other machines reach this address: add http.tokens_file to the configuration, " +
			"or listen on 127.0.0.1"
	case g.tokens == nil && passedOn(r):
		return http.StatusForbidden, "a proxy passed this on, and who asked it is not known: add http.tokens_file to the configuration"
	case g.tokens == nil && !local(r.Host):
		// A web page elsewhere could have given its own name the address of this machine.
		return http.StatusForbidden, "it is shown under the names of this machine alone: ask for it at 127.0.0.1 or localhost"
	}
	return http.StatusOK, ""
}

// keepOut says why a page is not shown.
func keepOut(w http.ResponseWriter, code int, why string) {
	http.Error(w, "this page shows values of events: "+why, code)
}

// known reports whether a request comes with a token.
func (g *guard) known(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		_, token, _ = r.BasicAuth()
	}
	_, known, fault := g.tokens.Of(strings.TrimSpace(token))
	// Every request reads the file again while it is bad: the log says so once.
	if before := g.faulty.Swap(fault != ""); fault != "" && !before {
		g.log.Warn("the file of tokens cannot be read again: what it said before holds", "error", fault)
	}
	return known
}

// passedOn reports whether a proxy says that it has the request from another.
func passedOn(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"},
		func(name string) bool { return r.Header.Get(name) != "" })
}

// local reports whether the host that a client asks for is a name of this machine.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
