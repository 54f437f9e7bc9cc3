package logfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"

	"github.com/labeljoin/labeljoin/events/formats"
)

// Section is one of several parts of a file of this machine, which are read beside each other. A line is in one of
// them. What cannot be divided is whole in the first. The numbers of messages are those within the section.
type Section struct {
	Number, Of int   // from 0 on, of so many; 0 of 0 is the whole file
	Size       int64 // of the file, in bytes: all its sections are told the same
}

// isDivisible reports whether the sections of such a file are less than the whole.
func isDivisible(format formats.Format, codec string) bool {
	return format == formats.FormatLines && codec == ""
}

// readSection reads the lines of a section in blocks.
func (s *Source) readSection(section Section) error {
	file, ok := s.file.from.(*os.File)
	if !ok {
		return errors.New("only a file of this machine has sections")
	}
	begin, err := lineFrom(file, section.Size*int64(section.Number)/int64(section.Of))
	if err != nil {
		return err
	}
	end, size := int64(math.MaxInt64), section.Size-begin
	if section.Number+1 < section.Of {
		if end, err = lineFrom(file, section.Size*int64(section.Number+1)/int64(section.Of)); err != nil {
			return err
		}
		size = end - begin
	}
	s.file.from, s.size = io.NewSectionReader(file, begin, end-begin), size
	s.file.read.Store(0)
	s.blocks = &blocks{from: &s.file, size: blockMost}
	return nil
}

// lineFrom is where the first line begins after a place, or at the beginning of the file; its end if there is none.
func lineFrom(file io.ReaderAt, place int64) (int64, error) {
	if place == 0 {
		return 0, nil
	}
	some := make([]byte, blockMost)
	for at := place; ; {
		n, err := file.ReadAt(some, at)
		if end := bytes.IndexByte(some[:n], '\n'); end >= 0 {
			return at + int64(end) + 1, nil
		}
		if at += int64(n); errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
