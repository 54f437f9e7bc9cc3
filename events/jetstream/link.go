package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// A mirror, or a stream with sources, holds what was copied to it. That all of it
// was read proves nothing about what its origin has and could not deliver. So a
// copy proves at most what its links are known to have carried.
//
// The server that keeps the copy tells of each link its lag, which is how many
// messages the origin still had when it sent the newest one, and for how long
// nothing at all has come over it. The origin sends a heartbeat every second when
// it has nothing else to send, and everything comes in order. So if something came
// a moment ago and the lag is 0, then what the origin had stored before has come.
//
// Except for what is on the way. A link can hold things up and then bring them all
// at once, the heartbeats of a minute ago first; and one that was just connected
// again has the lag from before. Both look like a link at rest, for a moment. So
// the link must have been found current in every answer for steady, and what is
// claimed is put back by underway. A pause that no answer shows is shorter than
// maxSilence plus the time between two answers, and underway is longer than that.
//
// The origin may itself be a copy, of which its link says nothing. So the origin
// is asked; a copy of a copy proves nothing, and neither does an origin that does
// not answer or refuses messages.
const (
	maxSilence = 3 * time.Second
	steady     = 15 * time.Second
	underway   = 10 * time.Second
	unbroken   = 5 * time.Second // two answers further apart are no row of answers
)

// How often origins are asked what they are, and how long they may take.
const (
	askOrigins    = time.Minute
	askAgain      = 10 * time.Second // those that did not answer, or were not right
	originTimeout = time.Second
)

// links watches the links of a copy.
type links struct {
	since time.Duration // elapsed when the row of good answers began
	last  time.Duration // elapsed at the newest of them
	good  bool          // there is such a row
}

// origins is what is known of the streams that a stream is copied from.
type origins struct {
	asked time.Duration // elapsed
	known bool          // it was asked
	wrong string        // why they prove nothing; empty: they do
}

// due reports whether origins are to be asked at a moment.
func (o *origins) due(at time.Duration) bool {
	every := askOrigins
	if o.wrong != "" {
		every = askAgain
	}
	return !o.known || at-o.asked >= every
}

// admit returns by how much a claim of a copy is to be put back, and a hold if it
// proves nothing. Streams that are no copies are not put back at all.
func (l *links) admit(info *jetstream.StreamInfo, o *origins, at time.Duration) (time.Duration, events.Hold) {
	sources := linksOf(info)
	if len(sources) == 0 {
		return 0, events.Hold{}
	}
	oldest := time.Duration(0)
	why := ""
	for _, s := range sources {
		if text := stale(s); text != "" {
			why = text
		}
		oldest = max(oldest, s.Active)
	}
	if want := wantedLinks(&info.Config); why == "" && len(sources) < want {
		why = fmt.Sprintf("the server tells of %d of its %d links", len(sources), want)
	}
	switch {
	case why != "":
		l.good = false
	case !l.good || at-l.last > unbroken:
		l.good, l.since, l.last = true, at, at
	default:
		l.last = at
	}
	switch {
	case why == "" && o.wrong != "":
		why = o.wrong
	case why == "" && at-l.since < steady:
		why = fmt.Sprintf("its link must be found current for %v", steady)
	}
	if why == "" {
		return oldest + underway, events.Hold{}
	}
	return 0, events.Hold{Reason: holdLink, Detail: fmt.Sprintf(
		"stream %q is a copy, and is not known to be current: %s. Silence of it proves nothing until it is; events and heartbeats do",
		info.Config.Name, why)}
}

// stale says why a link is not current; empty is that it is.
func stale(s *jetstream.StreamSourceInfo) string {
	switch {
	case s.Error != nil:
		return fmt.Sprintf("the server says of its link to %q: %s", s.Name, s.Error.Description)
	case s.Active < 0:
		return fmt.Sprintf("nothing has come over its link to %q", s.Name)
	case s.Active > maxSilence:
		return fmt.Sprintf("nothing has come over its link to %q for %v", s.Name, s.Active.Round(time.Second))
	case s.Lag > 0:
		return fmt.Sprintf("%s of %q still to come", events.Count(s.Lag, "message"), s.Name)
	}
	return ""
}

// linksOf are the links that the server tells of.
func linksOf(info *jetstream.StreamInfo) []*jetstream.StreamSourceInfo {
	if info.Config.Mirror != nil {
		if info.Mirror == nil {
			return []*jetstream.StreamSourceInfo{{Name: info.Config.Mirror.Name, Active: -1}}
		}
		return []*jetstream.StreamSourceInfo{info.Mirror}
	}
	if len(info.Config.Sources) > 0 && len(info.Sources) == 0 {
		return []*jetstream.StreamSourceInfo{{Name: info.Config.Sources[0].Name, Active: -1}}
	}
	return info.Sources
}

// wantedLinks is how many links a stream is to have.
func wantedLinks(config *jetstream.StreamConfig) int {
	if config.Mirror != nil {
		return 1
	}
	return len(config.Sources)
}

// originsOf are the streams that a stream is copied from.
func originsOf(config *jetstream.StreamConfig) []*jetstream.StreamSource {
	if config.Mirror != nil {
		return []*jetstream.StreamSource{config.Mirror}
	}
	return config.Sources
}

// askOriginsOf asks what the origins of a stream are.
func askOriginsOf(ctx context.Context, js jetstream.JetStream, config *jetstream.StreamConfig,
	at time.Duration) origins {
	ctx, cancel := context.WithTimeout(ctx, originTimeout)
	defer cancel()
	o := origins{asked: at, known: true}
	for _, source := range originsOf(config) {
		info, err := originInfo(ctx, js, source)
		switch {
		case err != nil:
			o.wrong = fmt.Sprintf("its origin %q does not say whether it is a copy itself (%v)", source.Name, err)
		case len(originsOf(&info.Config)) > 0:
			o.wrong = fmt.Sprintf("its origin %q is a copy itself; read that one's origin, or let producers send heartbeats",
				source.Name)
		default:
			if text := refuses(info); text != "" {
				o.wrong = fmt.Sprintf("its origin %q %s", source.Name, text)
			}
		}
	}
	return o
}

// originInfo asks a stream what it is, through the API of its own account or
// domain.
func originInfo(ctx context.Context, js jetstream.JetStream, source *jetstream.StreamSource) (*jetstream.StreamInfo,
	error) {
	prefix := jetstream.DefaultAPIPrefix
	if source.External != nil && source.External.APIPrefix != "" {
		prefix = source.External.APIPrefix + "."
	}
	msg, err := js.Conn().RequestWithContext(ctx, prefix+"STREAM.INFO."+source.Name, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		jetstream.StreamInfo
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	return &answer.StreamInfo, nil
}
