package columnar

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeBytes is how much the process may be ahead of its reader. The system's own 64 KiB hold a block or two of rows:
// then the two wait for each other all the time.
const pipeBytes = 512 << 10

// widen makes a pipe larger. If the system does not let it, the pipe is as good as it was.
func widen(pipe io.ReadCloser) {
	if file, ok := pipe.(*os.File); ok {
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
		}
	}
}
