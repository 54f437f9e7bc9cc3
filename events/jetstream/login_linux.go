package jetstream

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ownSocket reports whether the client's end of a connection on this machine,
// from an address to a port, belongs to a process of this process's user. The
// kernel's table of sockets says so; of proc(5), the addresses are in columns 2
// and 3, and the user is in column 8.
func ownSocket(client *net.TCPAddr, port int) bool {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if owner, found := socketOwner(table, client, port); found {
			return owner == os.Geteuid()
		}
	}
	return false
}

func socketOwner(table string, client *net.TCPAddr, port int) (uid int, found bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		local, ok := socketAddress(fields[1])
		if !ok || local.Port != client.Port || !local.IP.Equal(client.IP) {
			continue
		}
		if remote, ok := socketAddress(fields[2]); !ok || remote.Port != port {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		return uid, err == nil
	}
	return 0, false
}

// socketAddress reads an address like 0100007F:1F90: words of four bytes, each
// in the machine's order, and the port.
func socketAddress(text string) (*net.TCPAddr, bool) {
	address, portText, _ := strings.Cut(text, ":")
	ip, err := hex.DecodeString(address)
	port, portErr := strconv.ParseUint(portText, 16, 16)
	if err != nil || portErr != nil || len(ip) != net.IPv4len && len(ip) != net.IPv6len {
		return nil, false
	}
	for word := range slices.Chunk(ip, 4) {
		binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
	}
	return &net.TCPAddr{IP: ip, Port: int(port)}, true
}
