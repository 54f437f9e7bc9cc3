package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// createMissing creates the streams of inputs that were not found, and fills
// in what was created. It returns their names.
func createMissing(ctx context.Context, js jetstream.JetStream, inputs []Input,
	found []*jetstream.StreamInfo) (created []string, err error) {
	subjects := map[string][]string{}
	for i := range inputs {
		if found[i] != nil {
			continue
		}
		if name := inputs[i].Stream; name != "" && !inputs[i].Create {
			return nil, &NoStreamError{Subject: inputs[i].Subject, Stream: name}
		}
		if !inputs[i].Create {
			return nil, &NoStreamError{Subject: inputs[i].Subject}
		}
		name := nameFor(inputs[i])
		subjects[name] = append(subjects[name], inputs[i].Subject)
	}
	for i := range inputs {
		name := nameFor(inputs[i])
		if found[i] != nil || subjects[name] == nil {
			continue
		}
		info, err := create(ctx, js, inputConfig(name, subjects[name]))
		if err != nil {
			return created, err
		}
		created = append(created, name)
		for j := range inputs {
			if found[j] == nil && nameFor(inputs[j]) == name {
				found[j] = info
			}
		}
	}
	return created, nil
}

func nameFor(in Input) string {
	if in.Stream != "" {
		return in.Stream
	}
	return streamName(in.Subject)
}

// inputConfig is a stream that keeps everything: the log is the truth, so
// neither a person nor a limit removes messages unless its owner says so.
func inputConfig(name string, subjects []string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:       name,
		Subjects:   slices.Clone(subjects),
		Storage:    jetstream.FileStorage,
		Retention:  jetstream.LimitsPolicy,
		DenyDelete: true,
		DenyPurge:  true,
	}
}

func create(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := persist(ctx, func(ctx context.Context) error {
		stream, err := js.CreateStream(ctx, config)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return nil, fmt.Errorf("stream %q exists but does not hold subject %s: add the subject to the stream, or name another stream",
			config.Name, strings.Join(config.Subjects, ", "))
	case err != nil:
		return nil, fmt.Errorf("create stream %q for subject %s: %w", config.Name, strings.Join(config.Subjects, ", "),
			explain(err))
	}
	return info, nil
}

// persist repeats a request until NATS has answered it, whatever the answer.
// Silence is waited out as long as ctx lives; a server that is there but says
// that no server offers JetStream is given ten seconds, for a cluster may be
// electing a leader.
func persist(ctx context.Context, request func(context.Context) error) error {
	const timeout, unserved = 5 * time.Second, 4
	refused := 0
	for attempt := 0; ; attempt++ {
		once, cancel := context.WithTimeout(ctx, timeout)
		err := request(once)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !passing(err) {
			return err
		}
		if unservedBy(err) {
			if refused++; refused > unserved {
				return err
			}
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// unservedBy reports whether the server is there but no account in it serves
// JetStream to us.
func unservedBy(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount)
}

// passing reports whether an error says nothing about the request, only that
// it was not answered.
func passing(err error) bool {
	const unavailable = 503
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == unavailable
	}
	return unservedBy(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) ||
		errors.Is(err, nats.ErrStaleConnection)
}

// Way is what to do where a question to one of the subjects failed because the user may not ask it: it is not answered
// then. It is "" where the error was another one, which names its way out itself.
func Way(nc *nats.Conn, err error, subjects ...string) string {
	if !errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	return fmt.Sprintf("allow the joiner's user to publish to %s, and to subscribe to %s", strings.Join(subjects, " and "),
		Answers(nc))
}

// explain adds the way out to errors that name none.
func explain(err error) error {
	switch limit := limitReached(err); {
	case limit != "":
		return fmt.Errorf("%w: %s", err, limit)
	case unservedBy(err):
		return fmt.Errorf("%w: this server has no JetStream for the account: enable it there, or connect to a server of the "+
			"cluster that has the streams (of a leaf node, that is the hub)", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: JetStream did not answer; is the server running, and may this user ask $JS.API.>?", err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: it was closed before its users were done", err)
	}
	return err
}
