package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/formats"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/events/logfile"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// mostWhole is the largest file, in bytes, that is looked at as one message.
const mostWhole = 16 << 20

// ofFiles are the first records of the files.
func (p *Preview) ofFiles(ctx context.Context, r *reading) (list []sample, err error) {
	for _, path := range p.Files {
		some, err := p.ofFile(ctx, r, path, p.Last-len(list))
		if err != nil {
			return nil, err
		}
		if list = append(list, some...); len(list) >= p.Last {
			break
		}
	}
	return list, nil
}

func (p *Preview) ofFile(ctx context.Context, r *reading, path string, most int) (list []sample, err error) {
	if whole, ok := wholeMessage(r, path); ok {
		return []sample{{from: path, message: r.fileMessage(whole)}}, nil
	}
	source, err := logfile.Open(logfile.Options{Path: path, Columns: p.Columns, Texts: r.texts()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	for len(list) < most {
		batch, err := source.Next(ctx)
		for i := range batch.Messages[:min(len(batch.Messages), most-len(list))] {
			m := &batch.Messages[i]
			list = append(list, sample{from: fmt.Sprintf("%s:%d", path, m.Seq), message: r.fileMessage(m.Data)})
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// texts reports whether the cells of a table stay texts.
func (r *reading) texts() bool { return r.input != nil && r.input.Format == "csv" }

func (r *reading) fileMessage(data []byte) events.Message {
	m := events.Message{Stored: events.MinTime, Data: data}
	if len(r.kinds) > 0 {
		m.Kind = r.kinds[0]
	}
	return m
}

// wholeMessage is a file that is one message: a document over several lines, or one that
// is no text.
func wholeMessage(r *reading, path string) (data []byte, ok bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostWhole {
		return nil, false
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	text, err := formats.Unpack(file)
	if err != nil {
		return nil, false
	}
	defer text.Close()
	if data, err = io.ReadAll(io.LimitReader(text.Reader, mostWhole)); err != nil {
		return nil, false
	}
	begin := bytes.TrimSpace(data)
	if len(begin) == 0 {
		return nil, false
	}
	if begin[0] != '{' {
		return data, r.input != nil && r.input.Format == "otlp" && begin[0] != '['
	}
	return data, bytes.IndexByte(begin, '\n') >= 0 && json.Valid(begin)
}

// newest are the newest messages of the input's subjects.
func (p *Preview) newest(ctx context.Context, r *reading) (list []sample, err error) {
	one := *p.Config
	one.Inputs.List = []config.Input{*r.input}
	s, err := partition.ConnectReading(ctx, &one)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return r.newest(ctx, s.Conn, &one, p.Last)
}

// newest are the newest messages of the input's subjects. The configuration has no other input.
func (r *reading) newest(ctx context.Context, nc *nats.Conn, one *config.Config, most int) (list []sample, err error) {
	asking, cancel := context.WithTimeout(ctx, partition.AskTimeout)
	defer cancel()
	feed := engine.Feed{Name: r.input.Name, Kinds: r.kinds}
	if r.mapping != nil {
		feed.Codec = r.mapping
	}
	logs, missing, err := jetstream.Look(asking, nc, wire.Subjects(one, []engine.Feed{feed}, false))
	if err != nil {
		return nil, err
	}
	if len(logs) == 0 && len(missing) > 0 {
		return nil, fmt.Errorf("no stream holds subject %s: nothing was published to it, or its stream is still to be created",
			missing[0].Subject)
	}
	for i := range logs {
		messages, err := jetstream.Newest(asking, nc, &logs[i], most-len(list))
		if err != nil {
			return nil, err
		}
		for j := range messages {
			m := &messages[j]
			from := fmt.Sprintf("%s seq %d", logs[i].Stream, m.Seq)
			if m.Envelope != nil {
				from += " " + m.Envelope.Subject
			}
			list = append(list, sample{from: from, message: *m})
		}
	}
	return list, nil
}
