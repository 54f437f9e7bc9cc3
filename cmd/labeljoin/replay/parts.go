package replay

import (
	"slices"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/logfile"
)

// partLeast is how many bytes of files are worth a part. Tests set it.
var partLeast int64 = 8 << 20

// openParts begins to read requests for their ids, in several parts, at most so many: some of the files each or, where
// there are too few, a section of each file.
func openParts(files []File, most int) []*logFiles {
	whole := openLogs(files, events.KindRequest, uint8(events.KindRequest))
	whole.ids = true
	n := int(min(int64(most), total(whole.sizes)/partLeast))
	if n <= 1 || len(files) < n && !whole.divides() {
		return []*logFiles{whole}
	}
	parts := make([]*logFiles, n)
	for i := range parts {
		parts[i] = &logFiles{kind: whole.kind, input: whole.input, ids: true, part: true}
		if len(files) < n {
			parts[i].paths, parts[i].sizes = files, whole.sizes
			parts[i].section = logfile.Section{Number: i, Of: n}
		}
	}
	for i := range files {
		if p := parts[i%n]; len(files) >= n {
			p.paths, p.sizes = append(p.paths, files[i]), append(p.sizes, whole.sizes[i])
		}
	}
	return parts
}

// divides reports whether a section can be read of each file: it is one of this machine.
func (l *logFiles) divides() bool {
	return !slices.Contains(l.sizes, 0) && !slices.ContainsFunc(l.paths, func(f File) bool { return f.object != nil })
}

func total(sizes []int64) (sum int64) {
	for _, n := range sizes {
		sum += n
	}
	return sum
}
