// Package doctor checks what a joiner needs before it runs, or while it does, and changes nothing.
package doctor

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
	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
)

// Doctor checks what a joiner needs.
type Doctor struct {
	Config *config.Config
	JSON   bool
	Out    *terminal.LineWriter
	bad    int
}

// finding is one line, as JSON.
type finding struct {
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
	Warning string `json:"warning,omitempty"` // what may become wrong; it is ok so far
	Way     string `json:"way_out,omitempty"`
}

// tell says how one check went.
func (d *Doctor) tell(what string, err error, way string) {
	f := finding{Check: what, OK: err == nil}
	if err != nil {
		d.bad++
		f.Error, f.Way = err.Error(), way
	}
	d.print(&f)
}

func (d *Doctor) tellOf(f jetstream.Finding) { d.tell(f.What, f.Err, f.Way) }

// warn says what may become wrong.
func (d *Doctor) warn(what, warning, way string) {
	d.print(&finding{Check: what, OK: true, Warning: warning, Way: way})
}

func (d *Doctor) print(f *finding) {
	if d.JSON {
		line, err := json.Marshal(f)
		if err == nil {
			d.Out.Line("%s", line)
		}
		return
	}
	switch {
	case f.Warning != "":
		d.Out.Line("warn   %s: %s", f.Check, f.Warning)
	case f.OK:
		d.Out.Line("ok     %s", f.Check)
	default:
		d.Out.Line("wrong  %s: %s", f.Check, f.Error)
	}
	if f.Way != "" {
		d.Out.Line("       %s", f.Way)
	}
}

// Check makes every check and prints a line for each. The error says how many things are wrong.
func (d *Doctor) Check(ctx context.Context) error {
	var s monitor.Status
	running := !errors.Is(monitor.Ask(ctx, d.Config.State.Dir, "status", nil, &s), monitor.ErrNotRunning)
	d.directory("state.dir", d.Config.State.Dir)
	if config.IsAddress(d.Config.Output.Dir) {
		d.store(ctx)
	} else {
		d.directory("output.dir", d.Config.Output.Dir)
	}
	if !running {
		d.port("http.listen", d.Config.HTTP.Listen)
		if n := &d.Config.NATS; n.Embedded && n.Port > 0 {
			d.port("nats.port", fmt.Sprintf("%s:%d", n.Listen, n.Port))
		}
	}
	d.nats(ctx, running)
	if d.Out.Err == nil && d.bad > 0 {
		return errors.New(terminal.Count(d.bad, "thing") + " found wrong")
	}
	return d.Out.Err
}

// directory checks that files can be made, and that there is room.
func (d *Doctor) directory(setting, dir string) {
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
	d.tell(fmt.Sprintf("%s %s can be written", setting, dir), err,
		"let the joiner's user write there, or choose another directory")
	usage, err := vfs.Default.GetDiskUsage(at)
	if err != nil || usage.TotalBytes == 0 {
		return // a file system that does not tell
	}
	reserve := min(uint64(d.Config.State.Reserve), usage.TotalBytes/10)
	if usage.AvailBytes < reserve {
		err = fmt.Errorf("%s is left, less than the reserve of %s", config.Size(usage.AvailBytes), config.Size(reserve))
	}
	d.tell(fmt.Sprintf("%s %s has room", setting, dir), err, "free some, or lower state.reserve")
}

// store checks that the object store takes what an output needs.
func (d *Doctor) store(ctx context.Context) {
	_, err := place.Lasting(ctx, vfs.Default, d.Config, d.Config.Output.Dir, nil)
	d.tell(fmt.Sprintf("output.dir %s can be written, and keeps two writers apart", d.Config.Output.Dir), err,
		"check the address, the block s3 and the access key")
}

// port checks that an address is free.
func (d *Doctor) port(setting, address string) {
	if address == "" {
		return
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		err = l.Close()
	}
	d.tell(fmt.Sprintf("%s %s is free", setting, address), err,
		"stop the process that listens there, or choose another port")
}

// nats checks what NATS offers and allows. An embedded server that does not run has
// nothing that could be wrong.
func (d *Doctor) nats(ctx context.Context, running bool) {
	if d.Config.NATS.Embedded && !running {
		d.tell("embedded NATS server: it starts with the joiner", nil, "")
		return
	}
	s, err := partition.ConnectReading(ctx, d.Config)
	d.tell("NATS: connect and log in", err, "check nats.url, the login and the server")
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }() // it has only looked
	wanted, err := (&partition.Service{Config: d.Config}).StreamInputs()
	if err != nil {
		d.tell("the inputs", err, "")
		return
	}
	logs, missing, err := look(ctx, s, wanted)
	d.found("NATS: find the streams", s.Conn, err)
	for _, in := range missing {
		if !in.Create {
			d.tell(fmt.Sprintf("subject %s: a stream holds it", in.Subject), errors.New("none does"),
				"create one on the server, or set inputs.create: true")
		} else {
			d.tellOf(jetstream.CheckCreate(ctx, s.Conn, in))
		}
	}
	d.sizes(s.Conn.MaxPayload(), logs)
	need := d.Config.Longest() + d.Config.Retention() + d.Config.Join.Lateness.Std()
	for i := range logs {
		log := &logs[i]
		for _, f := range jetstream.CheckLog(ctx, s.Conn, log, func() events.Time { return events.At(time.Now()) }) {
			d.tellOf(f)
		}
		if log.MaxAge > 0 && log.MaxAge < need {
			d.tell(fmt.Sprintf("stream %s: it keeps messages long enough", log.Stream),
				fmt.Errorf("max_age is %v, a rebuild needs %v", log.MaxAge, need),
				fmt.Sprintf("nats stream edit %s --max-age=%v", log.Stream, need))
		}
		for _, warning := range log.Warnings {
			d.tell(fmt.Sprintf("stream %s: no message can vanish unread", log.Stream), errors.New(warning),
				"see OPERATIONS.md, NATS")
		}
	}
	d.labels(ctx, s)
}

// sizes tells of a server, and of streams, that take smaller messages than an event may be. A larger event is refused
// where it is published, and no joiner hears of it.
func (d *Doctor) sizes(payload int64, logs []jetstream.Log) {
	const check = "messages are as large as events may be"
	allowed := d.Config.Limits.EventBytes
	small := func(what, who string, most int64, way string) {
		if most > 0 && most < int64(allowed) {
			d.warn(what+": "+check, fmt.Sprintf("%s takes messages of %s at most, and limits.event_bytes allows %s", who,
				config.Size(most), allowed), fmt.Sprintf(way, config.Size(most)))
		}
	}
	way := fmt.Sprintf("set max_payload of the server to %s or more, or limits.event_bytes to %%s", allowed)
	if d.Config.NATS.Embedded {
		way = "set limits.event_bytes to %s, or let events come from a server of their own"
	}
	small("NATS", "the server", payload, way)
	for i := range logs {
		l := &logs[i]
		small("stream "+l.Stream, "stream "+l.Stream, int64(l.MaxSize),
			fmt.Sprintf("nats stream edit %s --max-msg-size=%d, or set limits.event_bytes to %%s", l.Stream, int64(allowed)))
	}
}

// look finds the streams of inputs, with a time of its own.
func look(ctx context.Context, s *partition.Service, wanted []jetstream.Input) ([]jetstream.Log, []jetstream.Input,
	error) {
	asking, cancel := context.WithTimeout(ctx, partition.AskTimeout/3)
	defer cancel()
	return jetstream.Look(asking, s.Conn, wanted)
}

// labels checks that the label stream is there, or can be made, and that labels may be published.
func (d *Doctor) labels(ctx context.Context, s *partition.Service) {
	p := d.Config.Publish
	if p == nil {
		return
	}
	in := jetstream.Input{Subject: p.Subject, Stream: p.Stream}
	_, missing, err := look(ctx, s, []jetstream.Input{in})
	check := fmt.Sprintf("publish.subject %s: a stream takes labels", p.Subject)
	create := p.Create || d.Config.NATS.Embedded
	if err == nil && len(missing) > 0 && !create {
		d.tell(check, errors.New("no stream holds it"), "create one on the server, or set publish.create: true")
	} else {
		d.found(check, s.Conn, err)
	}
	if len(missing) > 0 && create {
		d.tellOf(jetstream.CheckCreate(ctx, s.Conn, in))
	}
	d.tellOf(jetstream.CheckPublish(ctx, s.Conn, p.Subject))
}

// found tells whether streams could be looked for. A question that is not permitted is not answered; the connection
// was told why.
func (d *Doctor) found(check string, nc *nats.Conn, err error) {
	way := jetstream.Way(nc, err, "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.>")
	if way != "" && nc.LastError() != nil {
		err = nc.LastError()
	}
	d.tell(check, err, way)
}
