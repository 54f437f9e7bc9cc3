package jetstream

import (
	"crypto/subtle"
	"net"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerLogin is who may connect to an embedded server: a client that has the
// password and, if SameUser is set, processes of this process's own user on this
// machine.
type ServerLogin struct {
	User, Password string
	SameUser       bool
}

// doorman asks clients who they are. It implements server.Authentication.
type doorman struct {
	login ServerLogin
	port  atomic.Int64 // at which the server listens
}

// withheld is what a client with the password may not do: it is for producers
// and consumers, and the log is not theirs to destroy.
func withheld() *server.Permissions {
	return &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{
		"$JS.API.STREAM.DELETE.>", "$JS.API.STREAM.PURGE.>", "$JS.API.STREAM.MSG.DELETE.>",
		"$JS.API.STREAM.UPDATE.>", "$JS.API.STREAM.RESTORE.>",
	}}}
}

// Check implements server.Authentication.
func (d *doorman) Check(c server.ClientAuthentication) bool {
	address, remote := c.RemoteAddress().(*net.TCPAddr)
	if d.hasPassword(c.GetOpts()) {
		if remote { // connections within this process are its own
			c.RegisterUser(&server.User{Username: d.login.User, Permissions: withheld()})
		}
		return true
	}
	return remote && d.login.SameUser && address.IP.IsLoopback() && ownSocket(address, int(d.port.Load()))
}

func (d *doorman) hasPassword(o *server.ClientOpts) bool {
	user := subtle.ConstantTimeCompare([]byte(o.Username), []byte(d.login.User))
	password := subtle.ConstantTimeCompare([]byte(o.Password), []byte(d.login.Password))
	return user&password == 1
}
