package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// checker collects what is wrong with a configuration.
type checker struct {
	*Config
	found []Problem
}

// Validate reports every problem of the configuration in one *Error, or nil.
// Decode and Load have done it.
func (c *Config) Validate() error { return c.Fail(c.problems()...) }

func (c *Config) problems() []Problem {
	v := &checker{Config: c}
	v.name()
	v.nats()
	v.inputs()
	v.join()
	v.labels()
	v.guard()
	v.columns()
	v.directories()
	v.s3()
	v.export()
	v.ingest()
	v.bounds()
	return v.found
}

// add reports a problem.
func (v *checker) add(path, format string, args ...any) {
	v.found = append(v.found, v.Problem(path, fmt.Sprintf(format, args...)))
}

// longestDuration keeps sums of durations far from the end of int64
// nanoseconds, and nothing about labels takes longer.
const longestDuration = Duration(3650 * 24 * time.Hour)

// duration checks that a duration is within its bounds, and reports whether it is.
func (v *checker) duration(path string, d, least Duration) bool {
	switch {
	case d < 0:
		v.add(path, "%s is negative: it is a length of time, write it without the sign", d)
	case d < least:
		v.add(path, "%s is too short: it is at least %s", d, least)
	case d > longestDuration:
		v.add(path, "%s is too long: it is at most %s", d, longestDuration)
	default:
		return true
	}
	return false
}

// between checks that a number is within its bounds.
func (v *checker) between(path string, n, least, most int64) {
	if n < least || n > most {
		v.add(path, "%d is out of bounds: it is from %d to %d", n, least, most)
	}
}

// size checks that a size is within its bounds.
func (v *checker) size(path string, s, least, most Size) {
	if s < least || s > most {
		v.add(path, "%s is out of bounds: it is from %s to %s", s, least, most)
	}
}

func (v *checker) name() {
	if !isName(v.Name, "-") {
		v.add("name", "%q is no name: use up to 64 letters, digits, _ and -, the first a letter or _", clipped(v.Name))
	}
}

func (v *checker) join() {
	j := &v.Join
	ok := v.duration("join.window", j.Window, 1)
	ok = v.duration("join.lateness", j.Lateness, 0) && ok
	ok = v.duration("join.clock_skew", j.ClockSkew, 0) && ok
	ok = v.duration("join.corrections", j.Corrections, 0) && ok
	ok = v.duration("join.max_future", j.MaxFuture, Duration(time.Second)) && ok
	for _, l := range v.Labels {
		ok = ok && 0 < l.Window && l.Window <= longestDuration
	}
	v.maxAge(ok)
	if !(j.SampleNegatives > 0 && j.SampleNegatives <= 1) {
		v.add("join.sample_negatives", "%v is no share: it is above 0 and at most 1, which keeps every negative",
			j.SampleNegatives)
	}
	v.policy()
	if j.Attribute != nil {
		v.attribute(j.Attribute, ok)
	}
}

// maxAge checks that no event is called too old that could still be joined or
// corrected. The sum means something only if its parts are in bounds.
func (v *checker) maxAge(partsOK bool) {
	// Twice a window and its memory is in bounds where each part is.
	least := Duration(v.Longest() + v.Retention())
	if partsOK && least > longestDuration {
		v.add("join.max_age",
			"the longest window (%s) and what is remembered beyond it (%s) are %s together, and no event may be older than %s: "+
				"shorten the window, or corrections", Duration(v.Longest()), Duration(v.Retention()), least, longestDuration)
		return
	}
	if v.duration("join.max_age", v.Join.MaxAge, 1) && partsOK && v.Join.MaxAge < least {
		v.add("join.max_age",
			"%s is too short: the longest window (%s) and what is remembered beyond it (%s) make it at least %s",
			v.Join.MaxAge, Duration(v.Longest()), Duration(v.Retention()), least)
	}
}

func (v *checker) policy() {
	j := &v.Join
	impression := strings.TrimSpace(j.Impression) != ""
	switch {
	case j.Negatives == NegativesSeen && !impression:
		v.add("join.negatives",
			"seen needs to know what proves that a row was seen: add `impression`, like 'type == \"impression\"'")
	case j.Negatives != NegativesSeen && impression:
		v.add("join.impression", "has no effect with negatives: %s; write negatives: seen, or remove it", j.Negatives)
	case j.Negatives == NegativesAboveLastPositive && j.Rows == RowsRequest:
		v.add("join.negatives", "above_last_positive compares the items of a request, and with rows: request there are none: choose another of the two")
	}
	if j.Emit == EmitEarly && j.Outcomes.SameID == SameIDLast {
		v.add("join.emit", "early writes a row when nothing can change it any more, and with outcomes.same_id: last a later outcome can until the window ends: choose another of the two")
	}
	v.emit()
	for _, word := range []struct {
		path  string
		value string
		known []string
	}{
		{"join.rows", string(j.Rows), j.Rows.words()},
		{"join.duplicates", string(j.Duplicates), j.Duplicates.words()},
		{"join.emit", string(j.Emit), j.Emit.words()},
		{"join.outcomes.same_id", string(j.Outcomes.SameID), j.Outcomes.SameID.words()},
		{"join.negatives", string(j.Negatives), j.Negatives.words()},
	} {
		v.word(word.path, word.value, word.known)
	}
}

// emit checks what stands beside rows that are written before all their labels are final.
func (v *checker) emit() {
	at, does := "join.emit", "each"
	for _, l := range v.Labels {
		if l.Provisional > 0 && at == "join.emit" && v.Join.Emit != EmitEach {
			at, does = join("labels", l.Name, "provisional"), "it"
		}
		if l.Emit == "" {
			continue
		}
		v.word(join("labels", l.Name, "emit"), string(l.Emit), l.Emit.words())
		if l.Emit == LabelEmitEach && v.Join.Emit != EmitEach {
			at, does = join("labels", l.Name, "emit"), "each"
		}
	}
	if at != "join.emit" && v.Join.Emit == EmitEarly {
		v.add(at, "%s writes rows before a label is final, and join.emit: early when all are: choose one of the two", does)
	}
	if len(v.Stages()) == 0 {
		return
	}
	// A row that a policy leaves out in the end would have to be taken back when it is written before.
	if v.Join.Negatives != NegativesAll {
		v.add(at, "%s writes a row before it is known whether negatives: %s keeps it: keep all of them (negatives: all), or write rows at the close (emit: close, and no provisional)",
			does, v.Join.Negatives)
	}
	if v.Join.SampleNegatives < 1 {
		v.add(at, "%s writes a row before it is known whether it is a negative that sample_negatives leaves out: keep all of them and sample when you export (export.sample), or write rows at the close (emit: close, and no provisional)",
			does)
	}
}

// word checks a word of a configuration that a program made; reader checks the
// others.
func (v *checker) word(path, value string, known []string) {
	for _, word := range known {
		if value == word {
			return
		}
	}
	v.add(path, "%q is not known; it is one of %s", clipped(value), strings.Join(known, ", "))
}

// directories checks that state and output keep apart: each may be deleted or
// moved without the other.
func (v *checker) directories() {
	if !v.folder("state.dir", v.State.Dir) || !v.place("output.dir", v.Output.Dir) || IsAddress(v.Output.Dir) {
		return
	}
	state, output := filepath.Clean(v.State.Dir), filepath.Clean(v.Output.Dir)
	if within(state, output) || within(output, state) {
		v.add("output.dir", "%s and state.dir %s lie within each other: the state may be deleted at any time, the output may not; choose folders side by side",
			clipped(v.Output.Dir), clipped(v.State.Dir))
	}
}

// urlScheme is the scheme of a path that is an address, like s3://bucket/rows.
// The path may have been made absolute, which leaves one slash of it.
func urlScheme(path string) string {
	for _, scheme := range []string{"s3", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "http", "https", "file", "ftp",
		"wasb", "r2"} {
		if strings.HasPrefix(path, scheme+":/") || strings.Contains(path, "/"+scheme+":/") {
			return scheme
		}
	}
	return ""
}

// within reports whether a clean path is another or lies below it.
func within(path, parent string) bool {
	relative, err := filepath.Rel(parent, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// bounds checks the numbers that nothing else checks.
func (v *checker) bounds() {
	v.duration("output.roll.interval", v.Output.Roll.Interval, Duration(10*time.Millisecond))
	if v.Output.Compact != nil {
		v.duration("output.compact.after", v.Output.Compact.After, 0)
	}
	v.between("output.roll.rows", v.Output.Roll.Rows, 1, 100_000_000)
	v.size("output.roll.size", v.Output.Roll.Size, 64<<10, 16<<30)
	v.size("state.cache", v.State.Cache, 1<<20, 1<<40)
	v.size("state.reserve", v.State.Reserve, 0, 1<<50)
	if v.State.MaxBytes != 0 { // less than the memory tables' log takes would pause for ever
		v.size("state.max_bytes", v.State.MaxBytes, 256<<20, 1<<50)
	}
	// NATS takes no message above 64 MiB.
	v.size("limits.event_bytes", v.Limits.EventBytes, 1<<10, 64<<20)
	v.between("limits.outcomes_per_request", v.Limits.OutcomesPerRequest, 1, 1_000_000)
	v.between("limits.depth", v.Limits.Depth, 2, 256)
	v.listen()
	v.word("log.level", string(v.Log.Level), v.Log.Level.words())
	v.word("log.format", string(v.Log.Format), v.Log.Format.words())
}
