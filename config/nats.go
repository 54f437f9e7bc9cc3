package config

// NATS is the connection, or the server inside the process.
type NATS struct {
	// The address of the server, or a list of addresses of one cluster. The scheme is
	// nats, tls, ws or wss. A login does not belong here.
	//
	// Default: nats://127.0.0.1:4222, unless embedded is true. A NATS server that is not
	// configured listens there.
	URL URLs `yaml:"url"`
	// Whether a NATS server runs inside the process, with its data in state.dir.
	//
	// Default: the server that holds your events is usually elsewhere.
	Embedded bool `yaml:"embedded"`
	// The IP address at which the embedded server listens.
	//
	// Default: loopback. Only this machine reaches it, unless you decide otherwise.
	Listen string `yaml:"listen"`
	// Who may connect to the embedded server. Every client with the password may: the
	// file nats.url in state.dir holds the address with it. With local, processes of the
	// joiner's own user on this machine need no password (on Linux). With none, every
	// process on this machine may connect and do everything; that is refused where
	// listen is not loopback.
	//
	// Default: other users of the machine must not read, publish or delete events.
	Auth NATSAuth `yaml:"auth"`
	// The port of the embedded server; 0 takes a free one. From 0 to 65535.
	//
	// Default: the port of NATS, where its tools look.
	Port int64 `yaml:"port"`
	// The path of a credentials file. Of the ways to log in, give one.
	//
	// Default: a server without access control needs no login.
	Creds string `yaml:"creds"`
	// The path of a file with the seed of an nkey. It is read at the start: after another
	// seed, start the joiner again.
	//
	// Default: a server without access control needs no login.
	NKey string `yaml:"nkey"`
	// A token, as the reference to an environment variable.
	//
	// Default: a server without access control needs no login.
	Token Secret `yaml:"token"`
	// The path of a file that holds a token.
	//
	// Default: a server without access control needs no login.
	TokenFile string `yaml:"token_file"`
	// The name of the user, or the reference to an environment variable. It goes
	// together with a password.
	//
	// Default: a server without access control needs no login.
	User User `yaml:"user"`
	// The password of the user, as the reference to an environment variable.
	//
	// Default: a server without access control needs no login.
	Password Secret `yaml:"password"`
	// The path of a file that holds the password of the user.
	//
	// Default: a server without access control needs no login.
	PasswordFile string `yaml:"password_file"`
	// The subject below which answers of the server come: for a user who may subscribe to
	// that and not to _INBOX.>, as where users must not see the answers of others.
	//
	// Default: _INBOX, which is what every NATS client takes.
	InboxPrefix string `yaml:"inbox_prefix"`
	// How the connection is secured. The certificate of the server is always verified.
	TLS *TLS `yaml:"tls"` // nil: only what the URL's scheme says
}

// TLS is how the connection is secured. The server is always verified.
type TLS struct {
	// The path of the certificates (PEM) that the server's certificate is checked
	// against.
	//
	// Default: the certificates that the system trusts.
	CA string `yaml:"ca"`
	// The path of this client's certificate (PEM), for mutual TLS. It goes together
	// with key.
	//
	// Default: most servers ask for none.
	Cert string `yaml:"cert"`
	// The path of the key (PEM) of this client's certificate.
	//
	// Default: most servers ask for none.
	Key string `yaml:"key"`
	// The name in the server's certificate.
	//
	// Default: the name in the address of the server.
	ServerName string `yaml:"server_name"`
}

// URLs is a list of server addresses; a single one may be written without the
// list.
type URLs = Texts

// omits implements omitter: a client has no use for a listening address.
func (n *NATS) omits(key string) bool {
	return !n.Embedded && (key == "listen" || key == "port" || key == "auth")
}
