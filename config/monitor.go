package config

import (
	"fmt"
	"strings"
)

// Monitor is the block `monitor`: what the running joiner looks at in the labels that it writes.
// export/health/HEALTH.md has the rules.
type Monitor struct {
	// Count the labels of every commit by the hour of the request, and say when a rate, a number of
	// rows or a calibration has changed: in the log, in status and metrics, and on the subject.
	//
	// Default: it costs less than a hundredth of the time that a row takes, and a label that dies is
	// found in its first hour.
	Labels bool `yaml:"labels"`
	// Count the values of all other columns too, by hour: how many are missing, numbers by their size, and each of
	// few texts. An hour that differs from the same hours of the days before is an alarm.
	//
	// Default: it costs a few hundredths of the time that a row takes, and a feature that comes in another unit is
	// found in its first hour.
	Features bool `yaml:"features"`
	// Columns whose values are counted one by one: model, model_version, or a feature like device. Of
	// each, 200 values an hour are told apart.
	//
	// Default: none. A fault of one group of rows shows in all rows only if it is large.
	Slices []string `yaml:"slices"`
	// The attribute of outcomes (in `attrs`) that says who brought them, such as source or sdk: outcomes that find
	// no request are counted by it, of at most 64 producers.
	//
	// Default: none. They are counted by stream and reason only.
	Producer string `yaml:"producer"`
	// The subject that alarms are published to, as JSON, once when they begin and once when they end.
	// It has no wildcards, and it is no input.
	//
	// Default: none. Nothing is published.
	Subject string `yaml:"subject"`
}

// monitor checks the block.
func (v *checker) monitor() {
	m := &v.Monitor
	if !m.Labels && (m.Subject != "" || len(m.Slices) > 0) {
		v.add("monitor.labels", "is false, so that `subject` and `slices` have no effect: remove them, or say true")
	}
	for i, column := range m.Slices {
		if column == "" {
			v.add(fmt.Sprintf("monitor.slices[%d]", i), "is empty: name a column")
		}
	}
	if m.Subject == "" {
		return
	}
	v.subject("monitor.subject", m.Subject)
	if strings.ContainsAny(m.Subject, "*>") {
		v.add("monitor.subject", "%s has a wildcard: alarms go to one subject, name it", clipped(m.Subject))
		return
	}
	v.noInput("monitor.subject", m.Subject, "every alarm")
}
