package tablelog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/joiner"
)

// decode reads a manifest strictly: a field that is unknown, twice or not possible
// is an error. It never panics.
func decode(data []byte) (*Operation, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	if version.Format < formatOne || version.Format > Format {
		return nil, fmt.Errorf("its format is %d, this version of labeljoin reads %d to %d: use the version that wrote it",
			version.Format, formatOne, Format)
	}
	m := &manifest{}
	if err := json.Unmarshal(data, m, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	if err := m.upgrade(); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	op := m.operation()
	op.Hash = HashOf(data)
	return op, nil
}

// upgrade fills in what format 1 says without words, and refuses in it what it had
// not.
func (m *manifest) upgrade() error {
	if m.Format != formatOne {
		if m.Schema != nil && (m.Format < formatThree || m.Format < Format && m.Operation != KindAppend.String()) {
			return fmt.Errorf("it has a schema, which format %d has not", m.Format)
		}
		return nil
	}
	if m.Operation != "" || m.Append == nil || m.Append.Commit != 0 || m.Cause != "" || m.Begins != 0 ||
		m.Removed != nil ||
		m.Summary != nil || m.Schema != nil || m.Statistics != nil || m.Table != nil {
		return fmt.Errorf("it has fields that format %d has not", formatOne)
	}
	for i := range m.Files {
		if m.Files[i].Staging == "" {
			return fmt.Errorf("file %q has no staged name, which format %d demands", m.Files[i].Path, formatOne)
		}
	}
	m.Operation, m.Append.Commit = KindAppend.String(), m.Number
	return nil
}

// check reports what cannot have been written.
func (m *manifest) check() error {
	switch {
	case m.Name == "" || m.Nonce == "":
		return errors.New("it has no name or no nonce")
	case m.Number == 0:
		return errors.New("commits are numbered from 1")
	case m.Partitions < 1 || m.Partitions > MaxPartitions || m.Partition < 0 || m.Partition >= m.Partitions:
		return fmt.Errorf("partition %d of %d does not exist", m.Partition, m.Partitions)
	case (m.Number == 1) != (m.Previous == "") || m.Previous != "" && !isSHA256(m.Previous):
		return fmt.Errorf("commit %d cannot follow manifest %q", m.Number, m.Previous)
	case len(m.Statistics) > MaxStatistics:
		return fmt.Errorf("its statistics have %d bytes, more than %d", len(m.Statistics), MaxStatistics)
	case m.Begins > m.Number:
		return fmt.Errorf("the log cannot begin at operation %d, which comes later", m.Begins)
	}
	if t := m.Table; t != nil && (!safePath(t.Path, path.Join(TableDir, PartitionName(m.Partition)), ManifestSuffix) ||
		!isSHA256(t.SHA256)) {
		return fmt.Errorf("table checkpoint %q: its path or its sha256 is invalid", t.Path)
	}
	if err := m.checkKind(); err != nil {
		return err
	}
	return m.checkFiles()
}

// checkKind checks what depends on the kind of the operation.
func (m *manifest) checkKind() error {
	switch m.Operation {
	case KindAppend.String():
		if m.Append == nil || m.Append.Commit == 0 || m.Append.Commit > m.Number || len(m.Removed) > 0 || m.Cause != "" {
			return errors.New("it is an append, and not one that a joiner makes")
		}
		return errors.Join(checkSchema(m.Schema, m.Append.Commit), m.Append.check())
	case KindReplace.String(), KindDelete.String():
		if m.Append != nil || m.DeadLetters != nil || m.Cause == "" {
			return errors.New("it is no append, and has fields of one, or no cause")
		}
		if m.Operation == KindDelete.String() && (len(m.Files) > 0 || m.Schema != nil) {
			return errors.New("it deletes files, and cannot add any, nor columns")
		}
		return checkSchema(m.Schema, math.MaxUint64)
	}
	return fmt.Errorf("operation %q does not exist", m.Operation)
}

func (m *commit) check() error {
	for _, l := range []*ledger{&m.Ledger, &m.Closed} {
		if err := errors.Join(l.Request.check(), l.Outcome.check()); err != nil {
			return err
		}
	}
	if err := m.Guard.check(); err != nil {
		return err
	}
	for i := range m.Gaps {
		if err := m.Gaps[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (m *manifest) checkFiles() error {
	seen := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		if err := f.check(); err != nil {
			return err
		}
		if f.Operation != 0 || f.Schema != nil || (f.FirstCommit != 0) != (m.Append == nil) ||
			(f.LastCommit != 0) != (m.Append == nil) ||
			f.FirstCommit > f.LastCommit {
			return fmt.Errorf("file %q cannot be of commits %d to %d", f.Path, f.FirstCommit, f.LastCommit)
		}
		for _, name := range []string{f.Path, f.Staging} {
			if name != "" && seen[name] {
				return fmt.Errorf("file %q is listed twice", f.Path)
			}
			seen[name] = true
		}
	}
	for _, name := range m.Removed {
		if !safePath(name, DataDir, FileSuffix) || seen[name] {
			return fmt.Errorf("file %q cannot be removed, or is listed twice", name)
		}
		seen[name] = true
	}
	if d := m.DeadLetters; d != nil {
		if m.Append == nil || !isLetters(d.Path, m.Partition, m.Append.Commit) || d.Staging != "" &&
			!safePath(d.Staging, StagingDir, DeadLetterSuffix) ||
			d.Lines < 1 || d.Bytes < 1 || !isSHA256(d.SHA256) {
			return fmt.Errorf("dead letter file %q: its path, its size or its sha256 is invalid", d.Path)
		}
	}
	return nil
}

// isLetters reports whether a path is that of a commit's dead letters.
func isLetters(name string, partition int, commit uint64) bool {
	f, ok := ParseFileName(path.Base(name))
	if f.Token == "" {
		return name == DeadLetterPath(partition, commit)
	}
	return ok && name == WithToken(DeadLetterPath(partition, commit), f.Token)
}

func (f *file) check() error {
	wrong := ""
	switch {
	case !safePath(f.Path, DataDir, FileSuffix):
		wrong = "its path"
	case f.Staging != "" && !safePath(f.Staging, StagingDir, FileSuffix):
		wrong = "its staged path"
	case f.Rows < 1, f.Early < 0:
		wrong = "its number of rows"
	case f.Bytes < 1:
		wrong = "its size"
	case !isSHA256(f.SHA256), !isSHA256(f.RowsHash):
		wrong = "its sha256 or rows_hash"
	case f.MinRequestTS > f.MaxRequestTS:
		wrong = "its range of request times"
	default:
		return nil
	}
	return fmt.Errorf("file %q: %s is invalid", f.Path, wrong)
}

func (t *tally) check() error {
	known := 0
	for d := range joiner.Disposition(joiner.Dispositions) {
		if _, ok := t.Disposed[d.String()]; ok {
			known++
		}
	}
	if known != len(t.Disposed) {
		return errors.New("it counts a disposition that does not exist")
	}
	return nil
}

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32
}
