package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Guard is the block `guard`: when few outcomes are too few to believe, so that
// negatives are held. joiner/SEMANTICS.md has the meaning of each.
type Guard struct {
	// Whether the guard works.
	//
	// Default: without it, an outage of the outcomes becomes negatives.
	Enabled bool `yaml:"enabled"`
	// How long a row waits, at most, for evidence that outcomes still come. From 1ns to
	// 3650d.
	//
	// Default: four of the longest window, at most 1d. With four windows, a site of a dozen
	// outcomes a window has enough of them to tell an outage from a lull; a day is as
	// long as a training set may be late.
	Patience Duration `yaml:"patience"`
	// How improbable so few outcomes have to be before rows are held: a probability,
	// above 0 and below 1.
	//
	// Default: one false alarm in a million looks. A site of a thousand looks a day has
	// one in three years.
	Tail float64 `yaml:"tail"`
	// The share of the usual rate of outcomes that is no surprise. It is above 0 and at
	// most 1.
	//
	// Default: click rates halve from noon to night, and fall no further.
	Usual float64 `yaml:"usual"`
	// How many outcomes of a label the guard has to see, over patience at least, before
	// it has an opinion of that label. From 1 to 1000000.
	//
	// Default: a hundred events give a rate to a tenth of it.
	Learn int64 `yaml:"learn"`
}

// UnmarshalYAML reads the block inside another document. It implements
// yaml.NodeUnmarshaler.
func (g *Guard) UnmarshalYAML(n ast.Node) error {
	*g = Default().Guard
	return readBlock(n, "guard", g)
}

func defaultGuard() Guard {
	return Guard{
		Enabled: true,
		// One false alarm in a million looks; a site of a thousand looks a day
		// would wait for it for years, even if rates were all there is.
		Tail: 1e-6,
		// Click rates halve from noon to night, and no more.
		Usual: 0.5,
		// A hundred events give a rate to a tenth of it.
		Learn: 100,
	}
}

// patience is the default: with four windows, a site of no more than a dozen
// outcomes a window has enough in it to tell an outage from a lull. A day is as
// long as a training set may be late.
func (c *Config) patience() Duration {
	return min(4*Duration(c.Longest()), Duration(24*time.Hour))
}

func (v *checker) guard() {
	g := &v.Guard
	if len(v.Labels) > 0 || g.Patience != 0 { // the default has no meaning without labels
		v.duration("guard.patience", g.Patience, 1)
	}
	if !(g.Tail > 0 && g.Tail < 1) {
		v.add("guard.tail", "%v is no probability: it is above 0 and below 1, like 1e-6", g.Tail)
	}
	if !(g.Usual > 0 && g.Usual <= 1) {
		v.add("guard.usual", "%v is no share: it is above 0 and at most 1", g.Usual)
	}
	v.between("guard.learn", g.Learn, 1, 1_000_000)
}
