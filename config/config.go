// Package config is the configuration: its structs, strict YAML, defaults and
// the validation that reports every problem at once, each with its place. It
// decides nothing about labels; cmd/labeljoin turns it into the join's rules.
//
// Four types read and print themselves in their own notation: Duration
// ("1d12h"), Size ("128MiB"), Secret ("${NAME}") and Labels (a mapping whose
// order is the order of the columns).
package config

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Config is a whole configuration. Decode and Load return it complete: every
// default filled in, every label with its window.
type Config struct {
	Name     string   `yaml:"name"` // of this joiner: in metrics, logs and NATS connection names
	NATS     NATS     `yaml:"nats"`
	Inputs   Inputs   `yaml:"inputs"`
	Join     Join     `yaml:"join"`
	Labels   Labels   `yaml:"labels"`
	Guard    Guard    `yaml:"guard"`
	Features Features `yaml:"features"`
	State    State    `yaml:"state"`
	Output   Output   `yaml:"output"`
	Publish  *Publish `yaml:"publish"` // nil: no label stream
	Limits   Limits   `yaml:"limits"`
	HTTP     HTTP     `yaml:"http"`
	Log      Log      `yaml:"log"`

	source source // where it was read from; the zero value if it was not
}

// Inputs says where the events are.
type Inputs struct {
	Create   bool     `yaml:"create"` // create the streams that are missing
	Requests Requests `yaml:"requests"`
	Outcomes Outcomes `yaml:"outcomes"`
}

// Requests is the input of requests.
type Requests struct {
	Subject  string   `yaml:"subject"`   // wildcards allowed
	Stream   string   `yaml:"stream"`    // empty: found by subject
	TimeUnit TimeUnit `yaml:"time_unit"` // of integer timestamps
}

// Outcomes is the input of outcomes.
type Outcomes struct {
	Subject   string    `yaml:"subject"`   // wildcards allowed
	Stream    string    `yaml:"stream"`    // empty: found by subject
	TimeUnit  TimeUnit  `yaml:"time_unit"` // of integer timestamps
	Heartbeat Heartbeat `yaml:"heartbeat"`
}

// State is where the joiner keeps what it remembers.
type State struct {
	Dir   string `yaml:"dir"`   // relative to the configuration's folder
	Cache Size   `yaml:"cache"` // memory for blocks read back from disk
	// Reserve is how much room the disks of state and output keep: with less,
	// nothing is read. A tenth of a disk is enough for a small one.
	Reserve Size `yaml:"reserve"`
	// MaxBytes bounds the state's files: beyond it no requests are read. 0 is no bound.
	MaxBytes Size `yaml:"max_bytes"`
}

// Output is where the labeled rows go.
type Output struct {
	Dir    string            `yaml:"dir"` // relative to the configuration's folder
	Roll   Roll              `yaml:"roll"`
	Rename map[string]string `yaml:"rename"` // feature -> column, where names would collide
}

// Roll says when a commit is due: at whichever comes first.
type Roll struct {
	Interval Duration `yaml:"interval"` // wall time since the first uncommitted row
	Rows     int64    `yaml:"rows"`
	Size     Size     `yaml:"size"` // of the rows before compression
}

// Publish is the label stream.
type Publish struct {
	Subject string `yaml:"subject"` // a literal subject
	Create  bool   `yaml:"create"`  // create the stream when it is missing
	Stream  string `yaml:"stream"`  // empty: found by subject
}

// Limits bounds what one event or one request may cost.
type Limits struct {
	EventBytes         Size  `yaml:"event_bytes"`
	OutcomesPerRequest int64 `yaml:"outcomes_per_request"`
	Depth              int64 `yaml:"depth"` // nesting of an event's JSON
}

// HTTP is where the joiner answers about itself: metrics, health, status.
type HTTP struct {
	Listen string `yaml:"listen"` // host:port; empty: it does not listen
}

// Log is the program's own log.
type Log struct {
	Level  LogLevel  `yaml:"level"`
	Format LogFormat `yaml:"format"`
}

// maxSource is the largest configuration that is read. A thousand labels take a
// third of it; beyond it the YAML parser's time, which grows with the square of
// a mapping's keys, would be noticed.
const maxSource = 256 << 10

// Load reads and checks a configuration file. Relative paths in it are relative
// to the file's folder, so that a configuration means the same wherever the
// program is started; in the result they are absolute.
func Load(path string) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", path, err)
	}
	return decode(path, src, dir, nil)
}

// readFile reads at most maxSource bytes: a path typed wrong may name a file of
// any size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("no configuration at %s: labeljoin config init %s writes one: %w", path, path, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	var src bytes.Buffer
	if _, err := src.ReadFrom(io.LimitReader(f, maxSource+1)); err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	return src.Bytes(), nil
}

// resolve makes the relative paths absolute: dir is what they are relative to.
func (c *Config) resolve(dir string) {
	paths := []*string{
		&c.State.Dir, &c.Output.Dir,
		&c.NATS.Creds, &c.NATS.NKey, &c.NATS.TokenFile, &c.NATS.PasswordFile,
	}
	if tls := c.NATS.TLS; tls != nil {
		paths = append(paths, &tls.CA, &tls.Cert, &tls.Key)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Decode reads and checks a configuration. The name stands in errors. Relative
// paths stay as they are. The error, if any, is an *Error with every problem.
func Decode(name string, src []byte) (*Config, error) {
	return decode(name, src, "", nil)
}

// DecodeRules reads and checks the blocks of a document that rows depend on
// (join, labels, guard, features, inputs, limits), where its other keys are somebody
// else's: a test file, for one. In the result everything else is default.
func DecodeRules(name string, src []byte) (*Config, error) {
	return decode(name, src, "", []string{"join", "labels", "guard", "features", "inputs", "limits"})
}

// decode reads the whole document, or only the top-level keys named. A dir, if
// given, is absolute and what relative paths are relative to.
func decode(name string, src []byte, dir string, only []string) (*Config, error) {
	r := newReader(name, src)
	c := Default()
	if root := r.parse(); root != nil {
		r.only = only
		r.value(root, "", &c)
	}
	c.source = r.source
	if r.broken {
		return nil, c.source.fail(r.problems)
	}
	c.Complete()
	if dir != "" {
		c.resolve(dir)
	}
	problems := r.problems
	for _, p := range c.problems() {
		// What could not be read needs no second complaint that it is missing.
		same := func(q Problem) bool { return q.Path == p.Path }
		if !slices.ContainsFunc(r.problems, same) {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return nil, c.source.fail(problems)
	}
	return &c, nil
}
