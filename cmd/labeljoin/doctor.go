package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		ArgsUsage: argsConfig,
		Usage:     "check what a joiner needs: directories, room, ports, NATS, permissions, streams, clocks",
		Description: "It changes nothing, and may run beside the joiner. Each line is one thing that was tried; those that are\n" +
			"wrong say what to do. Exit code 0: all is well. 1: something is not.",
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "one JSON object a line"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			d := doctor{cfg: cfg, json: c.Bool("json"), out: &lineWriter{to: c.App.Writer}}
			return d.check(c.Context)
		},
	}
}

// doctor checks what a joiner needs.
type doctor struct {
	cfg  *config.Config
	json bool
	out  *lineWriter
	bad  int
}

// finding is one line, as JSON.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Way   string `json:"way_out,omitempty"`
}

// tell says how one check went.
func (d *doctor) tell(what string, err error, way string) {
	f := finding{Check: what, OK: err == nil}
	if err != nil {
		d.bad++
		f.Error, f.Way = err.Error(), way
	}
	if d.json {
		line, err := json.Marshal(f)
		if err == nil {
			d.out.line("%s", line)
		}
		return
	}
	switch {
	case err == nil:
		d.out.line("ok     %s", what)
	case way == "":
		d.out.line("wrong  %s: %v", what, err)
	default:
		d.out.line("wrong  %s: %v\n       %s", what, err, way)
	}
}

func (d *doctor) check(ctx context.Context) error {
	var s status
	running := !errors.Is(askControl(ctx, d.cfg.State.Dir, "status", nil, &s), errNotRunning)
	d.directory("state.dir", d.cfg.State.Dir)
	d.directory("output.dir", d.cfg.Output.Dir)
	if !running {
		d.port("http.listen", d.cfg.HTTP.Listen)
		if n := &d.cfg.NATS; n.Embedded && n.Port > 0 {
			d.port("nats.port", fmt.Sprintf("%s:%d", n.Listen, n.Port))
		}
	}
	d.nats(ctx, running)
	if d.out.err == nil && d.bad > 0 {
		return fmt.Errorf("%d things are wrong", d.bad)
	}
	return d.out.err
}

// directory checks that files can be made, and that there is room.
func (d *doctor) directory(setting, dir string) {
	at := dir
	for {
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at) // it will be made
	}
	f, err := os.CreateTemp(at, ".labeljoin-doctor-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	d.tell(fmt.Sprintf("%s %s can be written", setting, dir), err, "let the joiner's user write there, or choose another directory")
	usage, err := vfs.Default.GetDiskUsage(at)
	if err != nil || usage.TotalBytes == 0 {
		return // a file system that does not tell
	}
	reserve := min(uint64(d.cfg.State.Reserve), usage.TotalBytes/10)
	if usage.AvailBytes < reserve {
		err = fmt.Errorf("%s is left, less than the reserve of %s", config.Size(usage.AvailBytes), config.Size(reserve))
	}
	d.tell(fmt.Sprintf("%s %s has room", setting, dir), err, "free some, or lower state.reserve")
}

// port checks that an address is free.
func (d *doctor) port(setting, address string) {
	if address == "" {
		return
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		err = l.Close()
	}
	d.tell(fmt.Sprintf("%s %s is free", setting, address), err, "stop the process that listens there, or choose another port")
}

// nats checks what NATS offers and allows. An embedded server that does not run has
// nothing that could be wrong.
func (d *doctor) nats(ctx context.Context, running bool) {
	if d.cfg.NATS.Embedded && !running {
		d.tell("embedded NATS server: it starts with the joiner", nil, "")
		return
	}
	s, err := (&deep{cfg: d.cfg}).connect(ctx)
	if err == nil && !s.nc.IsConnected() {
		err = errors.Join(s.nc.LastError(), s.close(), errors.New("it is away"))
	}
	d.tell("NATS: connect and log in", err, "check nats.url, the login and the server")
	if err != nil {
		return
	}
	defer func() { _ = s.close() }() // it has only looked
	asking, cancel := context.WithTimeout(ctx, askPatience/3)
	defer cancel()
	logs, missing, err := jetstream.Look(asking, s.nc, (&service{cfg: d.cfg}).streamInputs())
	if errors.Is(err, context.DeadlineExceeded) && s.nc.LastError() != nil {
		err = s.nc.LastError()
	}
	d.tell("NATS: find the streams", err, "allow the joiner's user to publish to $JS.API.STREAM.NAMES and $JS.API.STREAM.INFO.>, and to subscribe to _INBOX.>")
	for _, in := range missing {
		if !in.Create {
			d.tell(fmt.Sprintf("subject %s: a stream holds it", in.Subject), errors.New("none does"), "create one on the server, or set inputs.create: true")
		}
	}
	need := d.cfg.Longest() + d.cfg.Memory() + d.cfg.Join.Lateness.Std()
	for i := range logs {
		log := &logs[i]
		for _, f := range jetstream.CheckLog(ctx, s.nc, log, func() events.Time { return events.At(time.Now()) }) {
			d.tell(f.What, f.Err, f.Way)
		}
		if log.MaxAge > 0 && log.MaxAge < need {
			d.tell(fmt.Sprintf("stream %s: it keeps messages long enough", log.Stream), fmt.Errorf("max_age is %v, a rebuild needs %v", log.MaxAge, need),
				fmt.Sprintf("nats stream edit %s --max-age=%v", log.Stream, need))
		}
		for _, warning := range log.Warnings {
			d.tell(fmt.Sprintf("stream %s: no message can vanish unread", log.Stream), errors.New(warning), "see OPERATIONS.md, NATS")
		}
	}
	d.labels(asking, s)
}

// labels checks that the label stream is there.
func (d *doctor) labels(ctx context.Context, s *service) {
	p := d.cfg.Publish
	if p == nil {
		return
	}
	_, missing, err := jetstream.Look(ctx, s.nc, []jetstream.Input{{Subject: p.Subject, Stream: p.Stream}})
	if err == nil && len(missing) > 0 && !p.Create && !d.cfg.NATS.Embedded {
		err = errors.New("no stream holds it")
	}
	d.tell(fmt.Sprintf("publish.subject %s: a stream takes labels", p.Subject), err, "create one on the server, or set publish.create: true")
}
