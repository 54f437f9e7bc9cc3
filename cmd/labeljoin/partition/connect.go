package partition

import (
	"context"
	"os"
	"strings"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// natsAway says why NATS is waited for; nothing if it is not.
func (s *Service) natsAway() string {
	nc := s.conn.Load()
	cause := "the connection is being made"
	if nc != nil {
		if nc.IsConnected() && s.found.Load() {
			return ""
		}
		if nc.IsConnected() {
			cause = "connected, and looking for the streams"
		}
		if err := nc.LastError(); err != nil {
			cause = err.Error()
		}
	}
	return "waiting for NATS: " + cause
}

// Connect connects to NATS, and starts the embedded server before where one is configured.
func (s *Service) Connect(ctx context.Context) error {
	if err := MakeDir(s.Config.State.Dir); err != nil {
		return err
	}
	if s.holds.Log == nil {
		s.holds.Log = s.Log
	}
	options, err := connOptions(s.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	if s.Config.NATS.Embedded {
		if s.Server, err = startServer(ctx, s.Config, !s.Ephemeral, s.Log); err != nil {
			return err
		}
		options.InProcess = s.Server
	}
	if s.Conn, err = jetstream.Connect(options, s.Log); err != nil {
		return err
	}
	s.conn.Store(s.Conn)
	if p := s.Config.Publish; p != nil {
		s.publisher, err = jetstream.NewPublisher(ctx, s.Conn, jetstream.PublisherOptions{
			Subject: p.Subject, Stream: p.Stream, Create: p.Create || s.Config.NATS.Embedded, Log: s.Log,
			Hold: func(why events.Hold) { s.holds.Set(monitor.WhatLabels, why) },
		})
	}
	return err
}

// connOptions is how the configuration says to connect, secrets looked up.
func connOptions(c *config.Config, lookup func(string) (string, bool)) (jetstream.ConnOptions, error) {
	n := &c.NATS
	login, err := n.Login(lookup)
	if err != nil {
		return jetstream.ConnOptions{}, err
	}
	o := jetstream.ConnOptions{
		URL: strings.Join(n.URL, ","), Name: "labeljoin " + c.Name,
		CredsFile: n.Creds, NkeyFile: n.NKey, InboxPrefix: n.InboxPrefix,
		Token: login.Token, User: login.User, Password: login.Password,
	}
	if n.TokenFile != "" || n.PasswordFile != "" {
		o.Renewed = func() (token, password string, err error) {
			login, err := n.Login(lookup)
			return login.Token, login.Password, err
		}
	}
	if n.TLS != nil {
		o.CAFile, o.CertFile, o.KeyFile, o.ServerName = n.TLS.CA, n.TLS.Cert, n.TLS.Key, n.TLS.ServerName
	}
	return o, nil
}
