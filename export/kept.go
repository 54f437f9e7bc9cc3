package export

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"

	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/tablelog"
)

// With Options.Keep, a finished file of a stage outlives the stage: the next one that gets the same
// rows uses it. A note beside the file says what it holds. It is written once the file was read back,
// so a file without a note is one whose process died.

// keptSuffix ends the names of notes.
const keptSuffix = ".kept"

// keptNote is what a note says, as JSON.
type keptNote struct {
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`    // of the bytes, hex
	RowsHash string `json:"rows_hash"` // of names, types and values, hex
}

// keptPrefix begins the names of kept files, of commits or of other operations; without a keep, of
// those of all.
func keptPrefix(partition int, operation bool, keep string) string {
	begin := tablelog.PartitionName(partition) + "-"
	if operation {
		begin = operationPrefix(partition)
	}
	if begin += "kept."; keep != "" {
		begin += keep + "-"
	}
	return begin
}

// sayNotKept tells that files are removed which were kept, and not for this run.
func sayNotKept(log *slog.Logger, files int) {
	if files > 0 {
		log.Info("removing what a replay that was stopped had kept: this one is of another configuration or version, or is no replay",
			"files", files)
	}
}

// isKept reports whether a staged file, or its note, is kept for the next attempt at a commit; with
// number 0, at another operation.
func isKept(staged string, partition int, number uint64, keep string) bool {
	return keep != "" && strings.HasPrefix(staged, keptPrefix(partition, number == 0, keep)+fmt.Sprintf("%d-", number))
}

// isKeptOperation reports whether a staged file, or its note, is kept for any operation.
func isKeptOperation(staged string, partition int) bool {
	return strings.HasPrefix(staged, keptPrefix(partition, true, ""))
}

// dataStaging is where the file n of this attempt is staged. That of a kept one is the same in the next
// process.
func (s *Stage) dataStaging(n int) string {
	o := &s.out.opts
	if o.Keep == "" {
		return s.stagingPath(fmt.Sprintf("%03d", n) + tablelog.FileSuffix)
	}
	number := s.number
	if s.opNumber > 0 {
		number = 0 // the joiner's commits go on meanwhile, and are none of the operation's business
	}
	return path.Join(tablelog.StagingDir, fmt.Sprintf("%s%d-%d-%03d%s",
		keptPrefix(o.Partition, s.opNumber > 0, o.Keep), number, s.attempt, n, tablelog.FileSuffix))
}

// findKept looks whether an attempt before has left a file of the same rows, whose bytes are as they
// were written. What is wrong with one is no error: it is written again.
func (s *Stage) findKept(b *rowfile.Builder, staging string) (sum rowfile.Summary, note keptNote, ok bool) {
	note, ok = s.readNote(staging)
	if !ok {
		return sum, note, false
	}
	sum, err := b.Digest()
	if err != nil || sum.Hash != note.RowsHash {
		return sum, note, false
	}
	return sum, note, s.out.checkBytes(staging, note.Bytes, note.SHA256) == nil
}

// mostNote bounds what is read of a note, in bytes.
const mostNote = 4 << 10

func (s *Stage) readNote(staging string) (note keptNote, ok bool) {
	r, err := s.out.bucket.Open(staging + keptSuffix)
	if err != nil {
		return note, false
	}
	defer r.Close()
	data, err := io.ReadAll(io.NewSectionReader(r, 0, min(r.Size(), mostNote)))
	return note, err == nil && json.Unmarshal(data, &note) == nil
}

// writeNote says what a finished file holds, with Options.Keep.
func (s *Stage) writeNote(f *tablelog.File) error {
	if s.out.opts.Keep == "" {
		return nil
	}
	data, err := json.Marshal(keptNote{Bytes: f.Bytes, SHA256: f.SHA256, RowsHash: f.RowsHash})
	if err != nil {
		return err
	}
	w, err := s.out.bucket.Stage(f.Staging + keptSuffix)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Discard()
		return err
	}
	return w.Finish()
}

// removeNotes removes the notes of a stage that is aborted. What cannot be removed is swept when the
// output is opened next.
func (s *Stage) removeNotes() {
	if s.out.opts.Keep == "" {
		return
	}
	for i := range s.files {
		_ = s.out.bucket.Remove(s.files[i].Staging + keptSuffix)
	}
}

// removeKept removes what is kept under this name once the stage is committed: its notes, and files of
// attempts before that it had no use for. What cannot be removed is swept when the output is opened next.
func (s *Stage) removeKept() {
	o := &s.out.opts
	if o.Keep == "" {
		return
	}
	names, err := s.out.bucket.List(tablelog.StagingDir)
	if err != nil {
		s.removeNotes()
		return
	}
	prefix := keptPrefix(o.Partition, s.opNumber > 0, o.Keep)
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			_ = s.out.bucket.Remove(path.Join(tablelog.StagingDir, name))
		}
	}
}

// Reused is how many files an attempt before had left that are used again.
func (s *Stage) Reused() int { return s.reused }

// Leave ends a stage that will not be committed, as Abort does. With Options.Keep the finished files
// stay for the next attempt, and it reports how many there are, and their rows.
func (s *Stage) Leave() (files int, rows int64) {
	if s.done || s.tried || s.failed != nil || s.out.opts.Keep == "" {
		s.Abort()
		return 0, 0
	}
	if s.settleSync() != nil {
		s.Abort() // a file before the last is not whole
		return 0, 0
	}
	if s.settleAll() != nil {
		s.files = s.files[:len(s.files)-1] // the last one is not whole
	}
	for i := range s.files {
		rows += s.files[i].Rows
	}
	files, s.files = len(s.files), nil
	s.Abort()
	return files, rows
}
