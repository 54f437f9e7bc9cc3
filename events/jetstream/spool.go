package jetstream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/labeljoin/labeljoin/events"
)

// spool is a file of labels that the broker does not take: the rows go on, and the
// labels go out when it takes them again, in their order. It is durable, because the
// state goes on as if they were published.
type spool struct {
	mu    sync.Mutex
	file  *os.File
	path  string
	bytes int64 // of the file
	most  int64 // it may have
	count int   // labels in the file
	read  int64 // from where on it is still to be sent
}

// spooled is a label as it stands in the file, one a line.
type spooled struct {
	ID    string          `json:"id"`
	Label json.RawMessage `json:"label"`
}

// openSpool opens a spool, and makes it if it is missing. A last line that is not
// whole was being written when the process died: the state does not know of it.
func openSpool(path string, most int64) (*spool, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the label stream's spool: %w", err)
	}
	s := &spool{file: file, path: path, most: most}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
			}
			break
		}
		s.bytes += int64(len(line))
		s.count++
	}
	if err := file.Truncate(s.bytes); err != nil {
		return nil, errors.Join(fmt.Errorf("cut %s where it is whole: %w", path, err), file.Close())
	}
	return s, nil
}

// len is how many labels are to be sent.
func (s *spool) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// add appends labels and returns when they are durable. Those that the file has no
// room for are not added; it says how many.
func (s *spool) add(labels []events.Label) (skipped int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text []byte
	added := 0
	for i := range labels {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // the label stays as it is, byte for byte
		if err := encoder.Encode(spooled{ID: labels[i].ID, Label: labels[i].Data}); err != nil {
			return 0, fmt.Errorf("spool a label: %w", err)
		}
		if s.bytes+int64(len(text)+line.Len()) > s.most {
			skipped++
			continue
		}
		text, added = append(text, line.Bytes()...), added+1
	}
	if added == 0 {
		return skipped, nil
	}
	if _, err := s.file.WriteAt(text, s.bytes); err != nil {
		return 0, fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := s.file.Sync(); err != nil {
		return 0, fmt.Errorf("write %s: %w", s.path, err)
	}
	s.bytes += int64(len(text))
	s.count += added
	return skipped, nil
}

// next reads the labels that are to be sent first, at most so many bytes of them.
func (s *spool) next(most int) (labels []events.Label, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := bufio.NewReader(io.NewSectionReader(s.file, s.read, s.bytes-s.read))
	for size < int64(most) {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return labels, size, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", s.path, err)
		}
		size += int64(len(line))
		var l spooled
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, 0, fmt.Errorf("%s is damaged at byte %d; delete it, and the labels in it are not sent: %w", s.path,
				s.read+size-int64(len(line)), err)
		}
		labels = append(labels, events.Label{ID: l.ID, Data: l.Label})
	}
	return labels, size, nil
}

// sent says that what next gave is sent. An empty spool begins anew. What was sent
// of one that is not empty is sent again after a crash; consumers know the ids.
func (s *spool) sent(labels int, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count -= labels
	if s.read += size; s.read < s.bytes {
		return nil
	}
	s.read, s.bytes, s.count = 0, 0, 0
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("empty %s: %w", s.path, err)
	}
	return nil
}

func (s *spool) close() error { return s.file.Close() }
