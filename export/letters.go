package export

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// Letter is a dead letter of a commit.
type Letter struct {
	events.DeadLetter
	Commit uint64 // of the joiner
	Line   int    // of the commit's file, from 1
}

// ID names a letter: its commit and its line, like 17/3.
func (l *Letter) ID() string { return fmt.Sprintf("%d/%d", l.Commit, l.Line) }

// ParseLetterID reads what ID writes.
func ParseLetterID(text string) (commit uint64, line int, err error) {
	first, second, _ := strings.Cut(text, "/")
	commit, err = strconv.ParseUint(first, 10, 64)
	if err == nil {
		line, err = strconv.Atoi(second)
	}
	if err != nil || line < 1 {
		return 0, 0, fmt.Errorf("%q names no dead letter: labeljoin deadletter show lists names, like 17/3", text)
	}
	return commit, line, nil
}

// longestLetter bounds a line of a dead letter file: an event has at most 64 MiB, and
// escapes make six bytes of one.
const longestLetter = 512 << 20

// DeadLetters lists what commits rejected or quarantined, oldest first. Files that were
// deleted, because they were dealt with, are passed over. It ends with the first error.
func (a *Archive) DeadLetters() iter.Seq2[*Letter, error] {
	return func(yield func(*Letter, error) bool) {
		for op, err := range a.log.Operations() {
			if err != nil {
				yield(nil, err)
				return
			}
			if op.DeadLetters == nil || op.Commit == nil {
				continue
			}
			if more, err := a.lettersOf(op, yield); err != nil || !more {
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// lettersOf lists the dead letters of one commit.
func (a *Archive) lettersOf(op *tablelog.Operation, yield func(*Letter, error) bool) (more bool, err error) {
	d := op.DeadLetters
	r, err := a.log.OpenFile(tablelog.Artifact{Path: d.Path, Staging: d.Staging, Bytes: d.Bytes, SHA256: d.SHA256})
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	lines := bufio.NewScanner(io.NewSectionReader(r, 0, r.Size()))
	lines.Buffer(nil, longestLetter)
	for n := 1; lines.Scan(); n++ {
		letter, err := decodeDeadLetter(lines.Bytes())
		if err != nil {
			return false, fmt.Errorf("%s, line %d: %w", d.Path, n, err)
		}
		if !yield(&Letter{DeadLetter: letter, Commit: op.Commit.Number, Line: n}, nil) {
			return false, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("read %s: %w", d.Path, err)
	}
	return true, nil
}

// decodeDeadLetter reads a line of a dead letter file, of this version or an older one.
func decodeDeadLetter(line []byte) (events.DeadLetter, error) {
	var d deadLetter
	if err := json.Unmarshal(line, &d); err != nil {
		return events.DeadLetter{}, fmt.Errorf("it is no dead letter: %w", err)
	}
	letter := events.DeadLetter{
		Origin: events.Origin{Seq: d.Seq, Index: d.Index}, Input: d.Input, Reason: d.Reason, Detail: d.Detail,
		Subject: d.Subject, Header: d.Headers, Stored: events.MinTime, Data: []byte(d.Data),
	}
	switch d.Kind {
	case events.KindRequest.String():
		letter.Kind = events.KindRequest
	case events.KindOutcome.String():
		letter.Kind = events.KindOutcome
	default:
		return letter, fmt.Errorf("it has no kind, but %q", d.Kind)
	}
	if d.Base64 != "" {
		data, err := base64.StdEncoding.DecodeString(d.Base64)
		if err != nil {
			return letter, fmt.Errorf("its event is no base64: %w", err)
		}
		letter.Data = data
	}
	if d.Stored != "" {
		at, err := events.ParseTime(d.Stored)
		if err != nil {
			return letter, fmt.Errorf("it was stored at %q: %w", d.Stored, err)
		}
		letter.Stored = at
	}
	return letter, nil
}
