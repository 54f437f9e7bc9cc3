package columnar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// RoomFD is the descriptor of the room in the process that reads a file, if it is given one.
const RoomFD = 3

// MaxMemory is how much memory the process may take that reads a file, in bytes: a row
// group of an ordinary file fits in, and what a damaged one asks for does not.
const MaxMemory = 2 << 30

// child is the output of a process that reads a file.
type child struct {
	cmd    *exec.Cmd
	out    io.ReadCloser
	stderr bytes.Buffer
	stop   context.CancelFunc
	ended  bool
	err    error
}

// Child has a file read by a process of its own, and gives the lines that it writes.
// The command is a program and its arguments that call Write with the file and standard
// output, after LimitMemory. The error at the end of the lines is io.EOF, or what was
// wrong with the file. A room, if it is not nil, is file RoomFD of the process.
func Child(ctx context.Context, room *packed.Room, command ...string) (io.ReadCloser, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &child{cmd: exec.CommandContext(ctx, command[0], command[1:]...), stop: stop}
	c.cmd.Stderr = &beginning{to: &c.stderr}
	if file := room.ForWriter(); file != nil {
		c.cmd.ExtraFiles = []*os.File{file} // the first of which is RoomFD
	}
	var err error
	if c.out, err = c.cmd.StdoutPipe(); err == nil {
		if c.cmd.ExtraFiles == nil {
			widen(c.out)
		}
		err = c.cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("starting a process that reads the file: %w", err)
	}
	return c, nil
}

// Read implements io.Reader.
func (c *child) Read(p []byte) (int, error) {
	if c.ended {
		return 0, c.err // what it was, however often it is asked for
	}
	n, err := c.out.Read(p)
	if errors.Is(err, io.EOF) {
		err = c.end()
	}
	return n, err
}

// end waits for the process and says what it said.
func (c *child) end() error {
	if c.ended {
		return c.err
	}
	c.ended, c.err = true, io.EOF
	if err := c.cmd.Wait(); err != nil {
		said := strings.TrimSpace(c.stderr.String())
		first, _, _ := strings.Cut(said, "\n")
		switch {
		case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate"):
			c.err = fmt.Errorf("reading it takes more than %d bytes of memory: the file is damaged, or its row groups are too large", int64(MaxMemory))
		case strings.HasSuffix(first, ": "+io.ErrUnexpectedEOF.Error()):
			first = strings.TrimSuffix(strings.TrimPrefix(first, "labeljoin: "), ": "+io.ErrUnexpectedEOF.Error())
			c.err = fmt.Errorf("%s: %w", first, io.ErrUnexpectedEOF)
		case first != "":
			c.err = errors.New(strings.TrimPrefix(first, "labeljoin: "))
		default:
			c.err = err
		}
	}
	return c.err
}

// Close implements io.Closer: it ends the process.
func (c *child) Close() error {
	c.stop()
	_ = c.end() // it may have been stopped in the middle
	return nil
}

// beginning keeps the beginning of what a process says: a crash says a lot.
type beginning struct{ to *bytes.Buffer }

// Write implements io.Writer.
func (t *beginning) Write(p []byte) (int, error) {
	const most = 64 << 10
	t.to.Write(p[:min(len(p), max(0, most-t.to.Len()))])
	return len(p), nil
}
