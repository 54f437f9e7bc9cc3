package jetstream

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// A stream can store messages under other subjects than those they are published
// to: a subject transform of the stream, or of what it mirrors and sources. Input
// subjects are those that messages are stored under, because the stream knows no
// others of them. An input that names the subject as it is published reads nothing
// then, and nothing looks like no one doing anything.

// misses says why a stream does not bring the messages of a subject to the one that
// reads that subject; empty is that it does.
func misses(config *jetstream.StreamConfig, subject string) string {
	stored := storedSubjects(config)
	if !slices.ContainsFunc(stored, func(s string) bool { return Overlap(s, subject) }) {
		return fmt.Sprintf("it does not hold subject %q, only %s", subject, strings.Join(stored, ", "))
	}
	for _, t := range transforms(config) {
		if t.Destination == "" || !Overlap(t.Source, subject) || covers(subject, pattern(t.Destination)) {
			continue
		}
		return fmt.Sprintf("it stores what comes as %q under %q (subject transform), so that reading %q misses it; read the subject as it is stored",
			t.Source, t.Destination, subject)
	}
	return ""
}

// transforms are all by which a stream renames messages. An empty destination
// renames nothing.
func transforms(config *jetstream.StreamConfig) []jetstream.SubjectTransformConfig {
	var all []jetstream.SubjectTransformConfig
	if t := config.SubjectTransform; t != nil {
		all = append(all, *t)
	}
	for _, s := range originsOf(config) {
		all = append(all, s.SubjectTransforms...)
	}
	for i := range all {
		if all[i].Source == "" {
			all[i].Source = ">"
		}
	}
	return all
}

// storedSubjects are the patterns of the subjects under which a stream may hold
// messages.
func storedSubjects(config *jetstream.StreamConfig) []string {
	stored := slices.Clone(config.Subjects)
	if t := config.SubjectTransform; t != nil {
		stored = append(stored, pattern(t.Destination))
	}
	for _, s := range originsOf(config) {
		switch {
		case len(s.SubjectTransforms) > 0:
			for _, t := range s.SubjectTransforms {
				if t.Destination == "" {
					stored = append(stored, t.Source)
				} else {
					stored = append(stored, pattern(t.Destination))
				}
			}
		case s.FilterSubject != "":
			stored = append(stored, s.FilterSubject)
		default:
			stored = append(stored, ">")
		}
	}
	return stored
}

// pattern is what the subjects that a transform makes look like: its functions,
// {{wildcard(1)}} and $1 and the others, each stand for a part of a subject.
func pattern(destination string) string {
	parts := strings.Split(destination, ".")
	depth, kept := 0, parts[:0]
	for _, part := range parts { // a function's arguments may hold dots
		inside := depth > 0
		depth += strings.Count(part, "{{") - strings.Count(part, "}}")
		switch {
		case inside:
		case strings.Contains(part, "{{"), strings.HasPrefix(part, "$"):
			kept = append(kept, "*")
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ".")
}
