package sql_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// comparer is a compare.py that runs, with its engine. It runs cases for all tests, because to start an engine takes
// longer than most queries. It ends with the tests, when its standard input is closed.
type comparer struct {
	files io.Writer
	lines *bufio.Scanner
	talk  *talk
}

// The engines that run: each is started by the test that first needs it.
var (
	inTheDuckDB = sync.OnceValues(func() (*comparer, error) { return startComparer("duckdb") })
	inTheSpark  = sync.OnceValues(func() (*comparer, error) { return startComparer("spark") })
)

func startComparer(engine string) (*comparer, error) {
	cmd := exec.Command(python(), "testdata/compare.py", engine)
	c := &comparer{talk: &talk{}}
	cmd.Stderr = c.talk
	files, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("compare.py: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("compare.py: %w", err)
	}
	c.files, c.lines = files, bufio.NewScanner(out)
	c.lines.Buffer(nil, 1<<24)
	return c, cmd.Start()
}

// talk is what a program says on stderr.
type talk struct {
	lock sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (t *talk) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.text.Write(p)
}

// String is what was said so far.
func (t *talk) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.text.String()
}
