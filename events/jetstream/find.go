package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// Input is one subject of an input of the configuration. An input that has several is
// several of these, with one name.
type Input struct {
	Name    string      // of the configuration's input; those without one are one input
	Kind    events.Kind // of its messages, unless Mapped
	Mapped  bool        // a codec says of which kind an event is, and needs the envelope
	Subject string      // may hold wildcards
	Stream  string      // empty: the stream that holds the subject, or a name derived from it
	Create  bool        // create the stream if there is none

	feed uint16 // of its log: which of the names it has
}

// Feeds are the names of the inputs that a log holds, in the order that
// events.Message.Feed counts in.
func (l *Log) Feeds() []string {
	var names []string
	for i := range l.Inputs {
		if !slices.Contains(names, l.Inputs[i].Name) {
			names = append(names, l.Inputs[i].Name)
		}
	}
	return names
}

// Log is one stream that holds one or several of the inputs. Inputs that share
// a stream are one log: the stream's order is the order of both.
type Log struct {
	Stream   string
	Created  events.Time   // when the stream was created: its identity
	New      bool          // there was none, and Find has created it
	First    uint64        // sequence of the first message it held when it was found
	Last     uint64        // and of the newest
	Deleted  int           // how many it lacked between them, as far as the server knows
	Inputs   []Input       // what is read of it
	Filtered bool          // the stream may hold messages that are no input of ours
	Warnings []string      // what in the stream's configuration can lose messages unread
	MaxAge   time.Duration // after which the stream drops messages; 0: never
	MaxSize  int32         // bytes of the largest message that the stream takes; 0 or less: it has no limit
	Intakes  []Intake      // where its messages come from, and under which subjects
	Borrows  bool          // its messages come from other streams, or under other subjects than they are published to
}

// Has reports whether the log may hold messages of a kind.
func (l *Log) Has(kind events.Kind) bool {
	return slices.ContainsFunc(l.Inputs, func(in Input) bool { return in.Mapped || in.Kind == kind })
}

// subjects are the inputs' subjects.
func (l *Log) subjects() []string {
	subjects := make([]string, len(l.Inputs))
	for i := range l.Inputs {
		subjects[i] = l.Inputs[i].Subject
	}
	return subjects
}

// of tells the input of a message by its subject; nil says that it is none of ours.
func (l *Log) of(subject string) *Input {
	for i := range l.Inputs {
		if covers(l.Inputs[i].Subject, subject) {
			return &l.Inputs[i]
		}
	}
	return nil
}

// message makes a message of what was received; ok is false if it is no input
// of ours, or a delete marker.
func (l *Log) message(input uint8, subject string, header nats.Header, seq uint64, at events.Time, data []byte) (m events.Message, ok bool) {
	in := l.of(subject)
	if in == nil || isMarker(header, data) {
		return events.Message{}, false
	}
	m = events.Message{Kind: in.Kind, Input: input, Feed: in.feed, Seq: seq, Stored: at, Subject: subject,
		Data: data}
	if in.Mapped {
		m.Envelope = &events.Envelope{Subject: subject, Header: header}
	}
	return m, true
}

// Find finds the streams of the inputs, in the inputs' order, and creates those
// that are missing and may be created. It waits for NATS as long as ctx lives.
// Its errors name the subject and the way out.
func Find(ctx context.Context, nc *nats.Conn, inputs []Input) ([]Log, error) {
	js, found, err := locateAll(ctx, nc, inputs)
	if err != nil {
		return nil, err
	}
	created, err := createMissing(ctx, js, inputs, found)
	if err != nil {
		return nil, err
	}
	logs, err := group(inputs, found)
	for i := range logs {
		logs[i].New = slices.Contains(created, logs[i].Stream)
	}
	return logs, err
}

// Look finds the streams of the inputs as Find does, and creates none: it says of
// which inputs there is no stream.
func Look(ctx context.Context, nc *nats.Conn, inputs []Input) (logs []Log, missing []Input, err error) {
	_, found, err := locateAll(ctx, nc, inputs)
	if err != nil {
		return nil, nil, err
	}
	var there []Input
	for i := range inputs {
		if found[i] == nil {
			missing = append(missing, inputs[i])
		} else {
			there = append(there, inputs[i])
		}
	}
	logs, err = group(there, slices.DeleteFunc(found, func(info *jetstream.StreamInfo) bool { return info == nil }))
	return logs, missing, err
}

// locateAll finds the streams of the inputs; one that is missing is nil.
func locateAll(ctx context.Context, nc *nats.Conn, inputs []Input) (jetstream.JetStream, []*jetstream.StreamInfo, error) {
	if err := checkInputs(inputs); err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, nil, err
	}
	found := make([]*jetstream.StreamInfo, len(inputs))
	for i := range inputs {
		if found[i], err = locate(ctx, js, inputs[i].Subject, inputs[i].Stream); err != nil {
			return nil, nil, err
		}
	}
	return js, found, nil
}

// title is what the input is called to people.
func (in *Input) title() string {
	if in.Name != "" {
		return in.Name
	}
	return in.Kind.String()
}

func checkInputs(inputs []Input) error {
	for i := range inputs {
		if err := checkSubject(inputs[i].Subject); err != nil {
			return err
		}
		for j := range i {
			apart := inputs[i].Stream != "" && inputs[j].Stream != "" && inputs[i].Stream != inputs[j].Stream
			if !apart && Overlap(inputs[i].Subject, inputs[j].Subject) {
				return fmt.Errorf("subjects %q (%s) and %q (%s) overlap: a message must be of one input; give them subjects of their own",
					inputs[j].Subject, inputs[j].title(), inputs[i].Subject, inputs[i].title())
			}
		}
	}
	return nil
}

// locate finds the stream that holds a subject, or has the name if one is
// given. It returns nil if there is none.
func locate(ctx context.Context, js jetstream.JetStream, subject, name string) (*jetstream.StreamInfo, error) {
	if name == "" {
		var names []string
		err := persist(ctx, func(ctx context.Context) (err error) {
			names, err = holders(ctx, js, subject, "")
			return err
		})
		switch {
		case err != nil:
			return nil, fmt.Errorf("look for the stream of subject %q: %w", subject, explain(err))
		case len(names) == 0:
			return nil, nil
		case len(names) > 1:
			return nil, &SpreadError{Subject: subject, Streams: names}
		}
		name = names[0]
	}
	info, err := streamInfo(ctx, js, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at stream %q: %w", name, explain(err))
	}
	if why := misses(&info.Config, subject); why != "" {
		return nil, &LogError{Stream: name, Fault: FaultChanged, Detail: why}
	}
	return info, nil
}

func streamInfo(ctx context.Context, js jetstream.JetStream, name string) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := persist(ctx, func(ctx context.Context) error {
		stream, err := js.Stream(ctx, name)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, err
}

// borrows reports whether the stream holds messages under other subjects than
// those it is published to.
func borrows(config *jetstream.StreamConfig) bool {
	return config.Mirror != nil || len(config.Sources) > 0 || config.SubjectTransform != nil
}

// group makes one log of the inputs that share a stream.
func group(inputs []Input, found []*jetstream.StreamInfo) ([]Log, error) {
	var logs []Log
	for i, info := range found {
		at := slices.IndexFunc(logs, func(l Log) bool { return l.Stream == info.Config.Name })
		if at < 0 {
			if info.Config.Retention != jetstream.LimitsPolicy {
				return nil, fmt.Errorf("stream %q deletes messages once they are acknowledged (retention %s), so it cannot be read again: "+
					"use a stream with retention limits", info.Config.Name, info.Config.Retention)
			}
			at = len(logs)
			logs = append(logs, Log{
				Stream: info.Config.Name, Created: events.At(info.Created), First: info.State.FirstSeq, Last: info.State.LastSeq,
				Deleted: info.State.NumDeleted, Warnings: warnings(&info.Config), MaxAge: info.Config.MaxAge,
				MaxSize: info.Config.MaxMsgSize,
				Intakes: intakes(&info.Config), Borrows: borrows(&info.Config),
			})
		}
		logs[at].Inputs = append(logs[at].Inputs, inputs[i])
	}
	for i := range logs {
		feeds := logs[i].Feeds()
		for n := range logs[i].Inputs {
			logs[i].Inputs[n].feed = uint16(slices.Index(feeds, logs[i].Inputs[n].Name))
		}
		for _, info := range found {
			if info.Config.Name == logs[i].Stream {
				logs[i].Filtered = filtered(&info.Config, logs[i].subjects())
			}
		}
	}
	return logs, nil
}

// filtered reports whether the stream may hold messages that none of the
// subjects covers. If it cannot, its sequences must be dense, which is the
// strongest check there is that nothing was skipped.
func filtered(config *jetstream.StreamConfig, subjects []string) bool {
	if slices.Contains(subjects, ">") {
		return false
	}
	if borrows(config) {
		return true
	}
	return slices.ContainsFunc(config.Subjects, func(bound string) bool {
		return !slices.ContainsFunc(subjects, func(s string) bool { return covers(s, bound) })
	})
}

func warnings(config *jetstream.StreamConfig) []string {
	var list []string
	add := func(when bool, text string) {
		if when {
			list = append(list, text)
		}
	}
	add(config.Storage == jetstream.MemoryStorage, "its messages are kept in memory only: a restart of the broker loses them")
	add(config.Discard == jetstream.DiscardOld && (config.MaxMsgs > 0 || config.MaxBytes > 0),
		"max_msgs or max_bytes removes the oldest messages when it is full, read or not: discard: new refuses new ones instead")
	add(config.MaxMsgsPerSubject > 0, "max_msgs_per_subject removes messages that may not have been read")
	add(config.AllowRollup, "allow_rollup lets publishers remove messages")
	add(config.AllowMsgTTL, "allow_msg_ttl lets publishers have messages expire unread")
	add(config.NoAck, "no_ack is on: producers are not told whether the stream has stored what they publish")
	add(!config.DenyDelete && !config.Sealed, "deny_delete is off: single messages can be deleted unread")
	add(!config.DenyPurge && !config.Sealed, "deny_purge is off: the stream can be purged unread")
	return list
}
