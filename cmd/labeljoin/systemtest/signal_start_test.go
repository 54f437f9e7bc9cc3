package systemtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// testTerminatedAtStart sends SIGTERM as soon as main has made its first two calls, which
// are to take signals and to set its umask: it ends well, as at any time later.
func testTerminatedAtStart(t *testing.T, b *rig) {
	if runtime.GOOS != "linux" {
		t.Skip("it reads /proc to see when main begins")
	}
	exe, err := filepath.EvalSymlinks(b.binary)
	if err != nil {
		t.Fatal(err)
	}
	config := b.configure("labeljoin.yaml", badConfig)
	for range 5 {
		c := b.start("run", "--config", config)
		proc := fmt.Sprintf("/proc/%d/", c.cmd.Process.Pid)
		c.until("main has begun", func() bool {
			is, err := os.Readlink(proc + "exe")
			if err != nil || is != exe {
				return false
			}
			status, err := os.ReadFile(proc + "status")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return strings.Contains(string(status), "Umask:\t0027")
		})
		if err := c.signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := c.code(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	}
}
