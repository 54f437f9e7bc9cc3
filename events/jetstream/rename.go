package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
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
//
// What was copied from another stream has to come from that one still: who publishes
// there is told that all is well. So a mirror that becomes a stream of its own is noticed
// too, which lacks what it had not copied by then.
func shrunk(before []Intake, config *jetstream.StreamConfig, inputs []Input) string {
	now, all := intakes(config), storedSubjects(config)
	for i := range inputs {
		for _, b := range before {
			left := all
			if b.Origin != "" {
				left = subjectsFrom(now, b.Origin)
			}
			for _, held := range b.Subjects {
				read, some := common(inputs[i].Subject, held) // the part of what it held that is read
				switch {
				case !some || !escapes(read, left):
				case b.Origin != "":
					return fmt.Sprintf("it does not copy subject %q from stream %q any more: what it had not copied yet, and what comes to "+
						"that stream, is not there to be read. Where nothing is missing, start the joiner again", read, b.Origin)
				default:
					return fmt.Sprintf("it does not hold subject %q any more, only %s: what is published to it is not there to "+
						"be read. Where no producer uses it any more, start the joiner again", read, strings.Join(all, ", "))
				}
			}
		}
	}
	return ""
}

// holders lists the streams that take some of the messages of a subject. A server of a
// cluster also lists a stream without subjects, a mirror or one with sources, if its name
// looks like the subject; that is not one of them. The stream that is known to be read is
// not asked.
func holders(ctx context.Context, js jetstream.JetStream, subject, known string) ([]string, error) {
	var names []string
	lister := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
	for n := range lister.Name() {
		names = append(names, n)
	}
	if err := lister.Err(); err != nil {
		return nil, err
	}
	var holding []string
	for _, name := range names {
		takes := true
		if name != known && Overlap(subject, name) {
			var err error
			if takes, err = takesOf(ctx, js, name, subject); err != nil {
				return nil, err
			}
		}
		if takes {
			holding = append(holding, name)
		}
	}
	return holding, nil
}

// takesOf reports whether what is published to a subject may come into a stream.
func takesOf(ctx context.Context, js jetstream.JetStream, name, subject string) (bool, error) {
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil // it was deleted meanwhile
	}
	if err != nil {
		return false, err
	}
	config := &stream.CachedInfo().Config
	taken := config.Subjects
	if len(taken) == 0 && len(originsOf(config)) == 0 {
		taken = []string{name} // as the server has it
	}
	return slices.ContainsFunc(taken, func(s string) bool { return Overlap(s, subject) }), nil
}

// elsewhere says which other stream takes messages of a subject that is read; empty is
// that none does. An input that names its stream wants no other. The subjects are asked
// side by side, as there may be many and the answer is needed soon.
func elsewhere(ctx context.Context, js jetstream.JetStream, log *Log) (string, error) {
	const sideBySide = 16
	var asked []string
	for i := range log.Inputs {
		if in := &log.Inputs[i]; in.Stream == "" && !slices.Contains(asked, in.Subject) {
			asked = append(asked, in.Subject)
		}
	}
	names := make([][]string, len(asked))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for i, subject := range asked {
		group.Go(func() (err error) {
			names[i], err = holders(ctx, js, subject, log.Stream)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	for i, subject := range asked {
		if slices.ContainsFunc(names[i], func(n string) bool { return n != log.Stream }) {
			return (&SpreadError{Subject: subject, Streams: names[i]}).Error(), nil
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

// Intake is where messages of a stream come from.
type Intake struct {
	Origin   string   // the stream that they are copied from; empty: they are published to this one
	Subjects []string // patterns of the subjects that they are stored under
}

// intakes are all by which messages come into a stream.
func intakes(config *jetstream.StreamConfig) []Intake {
	own := Intake{Subjects: slices.Clone(config.Subjects)}
	if t := config.SubjectTransform; t != nil {
		own.Subjects = append(own.Subjects, pattern(t.Destination))
	}
	all := []Intake{own}
	for _, s := range originsOf(config) {
		in := Intake{Origin: s.Name}
		if s.External != nil && s.External.APIPrefix != "" {
			in.Origin = s.External.APIPrefix + "." + s.Name
		}
		switch {
		case len(s.SubjectTransforms) > 0:
			for _, t := range s.SubjectTransforms {
				if t.Destination == "" {
					in.Subjects = append(in.Subjects, t.Source)
				} else {
					in.Subjects = append(in.Subjects, pattern(t.Destination))
				}
			}
		case s.FilterSubject != "":
			in.Subjects = []string{s.FilterSubject}
		default:
			in.Subjects = []string{">"}
		}
		all = append(all, in)
	}
	return all
}

// subjectsFrom are the patterns of the subjects of what comes from one stream, which
// may be named several times.
func subjectsFrom(all []Intake, origin string) (subjects []string) {
	for _, in := range all {
		if in.Origin == origin {
			subjects = append(subjects, in.Subjects...)
		}
	}
	return subjects
}

// storedSubjects are the patterns of the subjects under which a stream may hold
// messages.
func storedSubjects(config *jetstream.StreamConfig) (stored []string) {
	for _, in := range intakes(config) {
		stored = append(stored, in.Subjects...)
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
