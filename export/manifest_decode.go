package export

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/labeljoin/labeljoin/joiner"
)

// decodeManifest reads a manifest strictly: a field that is unknown, twice or
// not possible is an error. It never panics.
func decodeManifest(data []byte) (*manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	if version.Format != manifestFormat {
		return nil, fmt.Errorf("its format is %d, this version of labeljoin reads %d: use the version that wrote it", version.Format, manifestFormat)
	}
	m := &manifest{}
	if err := json.Unmarshal(data, m, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	return m, m.check()
}

// check reports what no commit can have written.
func (m *manifest) check() error {
	switch {
	case m.Name == "" || m.Nonce == "":
		return errors.New("it has no name or no nonce")
	case m.Number == 0:
		return errors.New("commits are numbered from 1")
	case m.Partitions < 1 || m.Partitions > maxPartitions || m.Partition < 0 || m.Partition >= m.Partitions:
		return fmt.Errorf("partition %d of %d does not exist", m.Partition, m.Partitions)
	case (m.Number == 1) != (m.Previous == "") || m.Previous != "" && !isSHA256(m.Previous):
		return fmt.Errorf("commit %d cannot follow manifest %q", m.Number, m.Previous)
	}
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
	seen := map[string]bool{}
	for i := range m.Files {
		f := &m.Files[i]
		if err := f.check(); err != nil {
			return err
		}
		if seen[f.Path] || seen[f.Staging] {
			return fmt.Errorf("file %q is listed twice", f.Path)
		}
		seen[f.Path], seen[f.Staging] = true, true
	}
	if d := m.DeadLetters; d != nil {
		if d.Path != deadLetterPath(m.Partition, m.Number) || !safePath(d.Staging, stagingDir, deadLetterSuffix) ||
			d.Lines < 1 || d.Bytes < 1 || !isSHA256(d.SHA256) {
			return fmt.Errorf("dead letter file %q cannot be", d.Path)
		}
	}
	return nil
}

func (f *file) check() error {
	if !safePath(f.Path, dataDir, fileSuffix) || !safePath(f.Staging, stagingDir, fileSuffix) ||
		f.Rows < 1 || f.Bytes < 1 || f.Early < 0 || !isSHA256(f.SHA256) || !isSHA256(f.RowsHash) ||
		f.MinRequestTS > f.MaxRequestTS {
		return fmt.Errorf("file %q cannot be", f.Path)
	}
	return nil
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
