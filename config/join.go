package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Join is the block `join`: when an outcome belongs to a request, and how long
// to wait. joiner/SEMANTICS.md has the meaning of each.
type Join struct {
	Window      Duration   `yaml:"window"`      // of labels that have none of their own
	Lateness    Duration   `yaml:"lateness"`    // how late an event may come
	ClockSkew   Duration   `yaml:"clock_skew"`  // how long before its request an outcome may be stamped
	Corrections Duration   `yaml:"corrections"` // how long after the close a row may still change
	Rows        Rows       `yaml:"rows"`
	Duplicates  Duplicates `yaml:"duplicates"`
	Emit        Emit       `yaml:"emit"`
	MaxFuture   Duration   `yaml:"max_future"` // how far ahead of the broker an event may be stamped
	MaxAge      Duration   `yaml:"max_age"`    // how old an event may be when the broker stores it
	Negatives   Negatives  `yaml:"negatives"`
	// Impression is the expression that an outcome proving that a row was seen
	// matches; for NegativesSeen.
	Impression string `yaml:"impression"`
	// SampleNegatives is the share of negative rows kept, in (0, 1].
	SampleNegatives float64 `yaml:"sample_negatives"`
}

// UnmarshalYAML reads the block inside another document, a test file for one.
// What is not given is default. It implements yaml.NodeUnmarshaler.
func (j *Join) UnmarshalYAML(n ast.Node) error {
	*j = Default().Join
	return readBlock(n, "join", j)
}

// Features is the block `features`: the columns that requests' features become.
type Features struct {
	Separator string                 `yaml:"separator"` // between the names of nested objects
	Declare   map[string]FeatureType `yaml:"declare"`   // flattened name -> type
}

// UnmarshalYAML reads the block inside another document. It implements
// yaml.NodeUnmarshaler.
func (f *Features) UnmarshalYAML(n ast.Node) error {
	*f = Default().Features
	return readBlock(n, "features", f)
}

// readBlock reads one block of a document that somebody else parsed.
func readBlock(n ast.Node, path string, into any) error {
	r := newReader("", nil)
	r.value(n, path, into)
	if len(r.problems) > 0 {
		return r.source.fail(r.problems)
	}
	return nil
}

// Longest is the longest window of any label: a request closes when it ends.
func (c *Config) Longest() time.Duration {
	var longest Duration
	for _, l := range c.Labels {
		longest = max(longest, l.Window)
	}
	return time.Duration(longest)
}

// Memory is how long beyond its close a request is remembered.
func (c *Config) Memory() time.Duration {
	return max(time.Duration(c.Join.Corrections), c.Longest()+time.Duration(c.Join.ClockSkew))
}
