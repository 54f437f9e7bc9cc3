package export

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
)

// The directories of an output.
const (
	dataDir       = "data"
	commitsDir    = "_commits"
	stagingDir    = "_staging"
	deadLetterDir = "deadletter"
	gapsDir       = "_gaps"
	asideDir      = "_aside"
)

// dayPrefix begins the names of the days' folders.
const dayPrefix = "dt="

const (
	manifestSuffix   = ".json"
	fileSuffix       = ".parquet"
	deadLetterSuffix = ".jsonl"
)

// partitionName is how a partition stands in names.
func partitionName(p int) string { return fmt.Sprintf("p%04d", p) }

// commitName is how commit k of a partition stands in names: sorted by name,
// commits are sorted by number.
func commitName(p int, k uint64) string { return fmt.Sprintf("p%04d-%020d", p, k) }

// manifestDir is where the manifests of a partition are.
func manifestDir(p int) string { return path.Join(commitsDir, partitionName(p)) }

func manifestPath(p int, k uint64) string {
	return path.Join(manifestDir(p), fmt.Sprintf("%020d", k)+manifestSuffix)
}

// manifestNumber is the k of a manifest's file name.
func manifestNumber(name string) (k uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, manifestSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	k, err := strconv.ParseUint(digits, 10, 64)
	return k, err == nil && digits == fmt.Sprintf("%020d", k)
}

// day is the UTC day of t, as days since the Unix epoch.
func day(t events.Time) int64 {
	const length = 24 * 60 * 60 * 1_000_000_000
	d := int64(t) / length
	if int64(t)%length < 0 {
		d--
	}
	return d
}

// dayName is the day of t as it stands in dt=.
func dayName(t events.Time) string { return t.Std().Format("2006-01-02") }

// safePath reports whether name is a plain relative path below dir: manifests
// are read from outside, and name the files that are moved.
func safePath(name, dir, suffix string) bool {
	return fs.ValidPath(name) && strings.HasPrefix(name, dir+"/") && strings.HasSuffix(name, suffix) && !strings.Contains(name, "\\")
}

// fileNumber is the partition and the commit in the name of a data file or a dead
// letter file.
func fileNumber(name string) (p int, k uint64, ok bool) {
	base, isData := strings.CutSuffix(name, fileSuffix)
	if !isData {
		base, ok = strings.CutSuffix(name, deadLetterSuffix)
	}
	parts := strings.Split(base, "-")
	if want := map[bool]int{true: 3, false: 2}[isData]; !isData && !ok || len(parts) != want {
		return 0, 0, false
	}
	digits, ok := strings.CutPrefix(parts[0], "p")
	p, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return 0, 0, false
	}
	k, err = strconv.ParseUint(parts[1], 10, 64)
	return p, k, err == nil
}
