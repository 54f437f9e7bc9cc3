package jetstream

import (
	"context"
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

// shrunk says which of the subjects that a stream stored, and that an input reads, it
// stores no more; empty is that there is none. Who publishes to such a subject is told
// that no stream took the message, or another stream has it.
func shrunk(before []string, config *jetstream.StreamConfig, inputs []Input) string {
	now := storedSubjects(config)
	for i := range inputs {
		for _, held := range before {
			read, some := common(inputs[i].Subject, held) // the part of what it held that is read
			if some && escapes(read, now) {
				return fmt.Sprintf("it does not hold subject %q any more, only %s: what is published to it is not there to "+
					"be read. Where no producer uses it any more, start the joiner again", read, strings.Join(now, ", "))
			}
		}
	}
	return ""
}

// holders lists the streams that take some of the messages of a subject.
func holders(ctx context.Context, js jetstream.JetStream, subject string) ([]string, error) {
	var names []string
	lister := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
	for n := range lister.Name() {
		names = append(names, n)
	}
	return names, lister.Err()
}

// elsewhere says which other stream takes messages of a subject that is read; empty is
// that none does. An input that names its stream wants no other.
func elsewhere(ctx context.Context, js jetstream.JetStream, log *Log) (string, error) {
	for i := range log.Inputs {
		if log.Inputs[i].Stream != "" {
			continue
		}
		subject := log.Inputs[i].Subject
		names, err := holders(ctx, js, subject)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(names, func(n string) bool { return n != log.Stream }) {
			return (&SpreadError{Subject: subject, Streams: names}).Error(), nil
		}
	}
	return "", nil
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
