package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The path of a socket may be longer than an address has room for.
func TestControlSocketDeepDown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := ListenShort(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, SocketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var s Status
	if err := Ask(t.Context(), dir, "status", nil, &s); err != ErrNotRunning {
		t.Errorf("a socket without a listener: %v", err)
	}
}
