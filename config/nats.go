package config

import (
	"github.com/goccy/go-yaml/ast"
)

// NATS is the connection, or the server inside the process.
type NATS struct {
	URL          URLs   `yaml:"url"`      // one, or a list of servers of one cluster
	Embedded     bool   `yaml:"embedded"` // run a server in the process, its data in state.dir
	Listen       string `yaml:"listen"`   // the embedded server's address
	Port         int64  `yaml:"port"`     // the embedded server's; 0: a free one
	Creds        string `yaml:"creds"`    // path of a credentials file
	NKey         string `yaml:"nkey"`     // path of an nkey seed file
	Token        Secret `yaml:"token"`
	TokenFile    string `yaml:"token_file"`
	User         Secret `yaml:"user"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	TLS          *TLS   `yaml:"tls"` // nil: only what the URL's scheme says
}

// TLS is how the connection is secured. The server is always verified.
type TLS struct {
	CA         string `yaml:"ca"`          // path, PEM; empty: the system's
	Cert       string `yaml:"cert"`        // path, PEM: this client's, for mutual TLS
	Key        string `yaml:"key"`         // path, PEM
	ServerName string `yaml:"server_name"` // in the server's certificate, if not the URL's
}

// URLs is a list of server addresses; a single one may be written without the
// list.
type URLs []string

// read implements selfReader.
func (u *URLs) read(r *reader, n ast.Node, path string) {
	*u = nil
	if isText(n) {
		var one string
		r.value(n, path, &one)
		*u = URLs{one}
		return
	}
	var many []string
	r.value(n, path, &many)
	*u = many
}

// omits implements omitter: a client has no use for a listening address.
func (n *NATS) omits(key string) bool {
	return !n.Embedded && (key == "listen" || key == "port")
}
