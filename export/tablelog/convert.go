package tablelog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/events"
)

// HashOf is the hash by which the next manifest and the joiner's receipt name one.
func HashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Encode checks the operation, renders its manifest, and sets its summary and its hash.
func (o *Operation) Encode() ([]byte, error) {
	o.summarize()
	m := o.manifest()
	check := *m // upgrade fills in what is not written
	if m.Append != nil {
		check.Append = new(*m.Append)
	}
	if err := check.upgrade(); err != nil {
		return nil, fmt.Errorf("the manifest would not be read back: %w", err)
	}
	if err := check.check(); err != nil {
		return nil, fmt.Errorf("the manifest would not be read back: %w", err)
	}
	data, err := encodeJSON(m)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest of operation %d: %w", o.Number, err)
	}
	o.Hash = HashOf(data)
	return data, nil
}

// encodeJSON renders a line of JSON, the same for the same value.
func encodeJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v, json.Deterministic(true), jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

func (o *Operation) manifest() *manifest {
	m := &manifest{
		Format: o.Format, Name: o.Name, Partition: o.Partition, Partitions: o.Partitions, Number: o.Number,
		Operation: o.Kind.String(), Nonce: o.Nonce, Previous: o.Parent, Cause: o.Cause, Begins: o.Begins,
		Files: make([]file, len(o.Added)), Removed: o.Removed, Schema: o.Schema, Statistics: o.Statistics, Table: o.Table,
		Summary: &o.Summary,
	}
	for i := range o.Added {
		m.Files[i] = fileOf(&o.Added[i])
	}
	if o.Commit != nil {
		m.Append = commitOf(o.Commit)
		for i := range m.Files { // the manifest says it once
			m.Files[i].FirstCommit, m.Files[i].LastCommit, m.Files[i].RulesHash = 0, 0, ""
		}
	}
	if d := o.DeadLetters; d != nil {
		m.DeadLetters = (*deadLetters)(d)
	}
	if o.Format == formatOne {
		m.Operation, m.Summary = "", nil
		if m.Append != nil {
			m.Append.Commit = 0
		}
	}
	return m
}

// operation is what manifest was given. decode has checked that it can be.
func (m *manifest) operation() *Operation {
	o := &Operation{
		Format: m.Format, Name: m.Name, Partition: m.Partition, Partitions: m.Partitions, Number: m.Number,
		Nonce: m.Nonce, Parent: m.Previous, Cause: m.Cause, Begins: m.Begins,
		Removed: m.Removed, Schema: m.Schema, Statistics: m.Statistics, Table: m.Table,
	}
	for k := KindAppend; k <= KindDelete; k++ {
		if k.String() == m.Operation {
			o.Kind = k
		}
	}
	if m.Append != nil {
		o.Commit = m.Append.cut(m.Nonce)
	}
	for i := range m.Files {
		f := m.Files[i].file()
		f.Operation = m.Number
		if o.Commit != nil {
			f.FirstCommit, f.LastCommit, f.RulesHash = o.Commit.Number, o.Commit.Number, o.Commit.RulesHash
		}
		o.Added = append(o.Added, f)
	}
	if d := m.DeadLetters; d != nil {
		o.DeadLetters = (*DeadLetters)(d)
	}
	if m.Summary != nil {
		o.Summary = *m.Summary
	} else {
		o.summarize()
	}
	return o
}

func fileOf(f *File) file {
	return file{
		Path: f.Path, Staging: f.Staging, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, RowsHash: f.RowsHash,
		MinRequestTS: instant(f.MinRequestTS), MaxRequestTS: instant(f.MaxRequestTS), MaxRevision: f.MaxRevision, Early: f.Early,
		Columns: f.Columns, FirstCommit: f.FirstCommit, LastCommit: f.LastCommit, RulesHash: f.RulesHash,
	}
}

func (f *file) file() File {
	return File{
		Path: f.Path, Staging: f.Staging, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256, RowsHash: f.RowsHash,
		MinRequestTS: events.Time(f.MinRequestTS), MaxRequestTS: events.Time(f.MaxRequestTS), MaxRevision: f.MaxRevision, Early: f.Early,
		Columns: f.Columns, FirstCommit: f.FirstCommit, LastCommit: f.LastCommit, RulesHash: f.RulesHash, Operation: f.Operation,
	}
}
