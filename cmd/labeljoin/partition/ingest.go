package partition

import (
	"context"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// openIngest begins to take events by HTTP, if the configuration says so. Until there is a
// log to store them in, producers are told to come again.
func (s *Service) openIngest(ctx context.Context) error {
	c := s.Config.HTTP.Ingest
	if c == nil {
		return nil
	}
	o, err := IngestOptions(s.Config)
	if err != nil {
		return err
	}
	o.Log, o.Now = s.Log, time.Now
	if s.Config.NATS.Embedded {
		// The streams are on the same disk: events must not fill what the joiner keeps free.
		o.Full = func() string {
			if short := s.disks.Short(); short.Reason == diskspace.ShortOfDisk {
				return short.Detail
			}
			return ""
		}
	}
	server, err := ingest.New(o)
	if err != nil {
		return err
	}
	if err := server.Listen(); err != nil {
		return err
	}
	s.ingest = server
	s.unfollow = context.AfterFunc(ctx, server.Drain) // producers are told at once that it stops
	return nil
}

// IngestOptions is how a configuration says that events are taken by HTTP.
func IngestOptions(c *config.Config) (ingest.Options, error) {
	in := c.HTTP.Ingest
	o := ingest.Options{
		Listen: in.Listen, TokensFile: in.TokensFile, LeastToken: config.LeastToken(), Origins: in.CORS,
		MaxBody: int64(in.MaxBody), MaxConns: int(in.MaxConnections), Timeout: in.Timeout.Std(),
		MaxFuture: c.Join.MaxFuture.Std(), MaxAge: c.Join.MaxAge.Std(),
	}
	if in.TLS != nil {
		o.CertFile, o.KeyFile, o.ClientCA = in.TLS.Cert, in.TLS.Key, in.TLS.ClientCA
	}
	engine, feeds, err := wire.Reading(c)
	if err != nil {
		return o, err
	}
	for i := range c.Inputs.List {
		one := ingest.Input{Name: feeds[i].Name, Format: c.Inputs.List[i].Format, Codec: feeds[i].Codec,
			Subject: in.SubjectOf(&c.Inputs.List[i])}
		if len(feeds[i].Kinds) > 0 {
			one.Kind = feeds[i].Kinds[0]
		}
		one.Own = engine.Decoders[one.Kind]
		o.Inputs = append(o.Inputs, one)
	}
	return o, nil
}

// IngestAddress is where events are taken by HTTP; empty until they are.
func (s *Service) IngestAddress() string {
	if !s.ingesting.Load() {
		return ""
	}
	return s.ingest.Address()
}

// feedIngest gives the streams that were found to those who send by HTTP.
func (s *Service) feedIngest(logs []jetstream.Log) error {
	if s.ingest == nil {
		return nil
	}
	appender, err := jetstream.NewAppender(s.Conn, jetstream.AppenderOptions{})
	if err != nil {
		return err
	}
	s.appender = appender
	streams, barred := map[string]string{}, map[string]string{}
	for i := range s.Config.Inputs.List {
		in := &s.Config.Inputs.List[i]
		subject := s.Config.HTTP.Ingest.SubjectOf(in)
		stream, ok := jetstream.StreamFor(logs, in.Name, subject)
		if !ok {
			barred[in.Name] = "its stream takes its messages from elsewhere or renames them, so that what is published to " +
				subject + " would not be read: publish to where the stream takes them from"
			s.Log.Warn("an input takes no events by http", "input", in.Name, "cause", barred[in.Name])
		}
		streams[in.Name] = stream
	}
	s.ingest.Open(appender, streams, barred)
	s.ingesting.Store(true)
	return nil
}

// closeIngest answers the requests that have begun, and ends.
func (s *Service) closeIngest() error {
	if s.ingest == nil {
		return nil
	}
	s.unfollow()
	err := s.ingest.Close()
	if s.appender != nil {
		s.appender.Close()
	}
	return err
}
