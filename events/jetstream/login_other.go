//go:build !linux

package jetstream

import "net"

// ownSocket knows nothing here: clients need the password.
func ownSocket(*net.TCPAddr, int) bool { return false }
