package tablelog

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// The directories of an output.
const (
	DataDir       = "data"
	CommitsDir    = "_commits"
	TableDir      = "_table"
	StagingDir    = bucket.StagingDir
	DeadLetterDir = "deadletter"
	GapsDir       = "_gaps"
	AsideDir      = "_aside"
	RemovedDir    = "_removed"
	RetriedDir    = "_retried"
)

// DayPrefix begins the names of the days' folders.
const DayPrefix = "dt="

// The ends of names.
const (
	ManifestSuffix   = ".json"
	FileSuffix       = ".parquet"
	DeadLetterSuffix = ".jsonl"
)

// MaxPartitions is what four digits in a file name hold.
const MaxPartitions = 10_000

// operationMark tells a file of an operation that is no commit from a commit's.
const operationMark = "op"

// PartitionName is how a partition stands in names.
func PartitionName(p int) string { return fmt.Sprintf("p%04d", p) }

// CommitName is how commit k of a partition stands in names: sorted by name,
// commits are sorted by number.
func CommitName(p int, k uint64) string { return fmt.Sprintf("p%04d-%020d", p, k) }

// OperationName is how operation n of a partition, which is no commit, stands in names.
func OperationName(p int, n uint64) string { return fmt.Sprintf("p%04d-%s%020d", p, operationMark, n) }

// DayDir is the folder of a day like "2026-11-22".
func DayDir(day string) string { return path.Join(DataDir, DayPrefix+day) }

// DataPath is where file i of a commit or of an operation stands, by the name that
// CommitName or OperationName gives.
func DataPath(day, name string, i int) string {
	return path.Join(DayDir(day), fmt.Sprintf("%s-%03d%s", name, i, FileSuffix))
}

// DeadLetterPath is where the dead letters of commit k stand.
func DeadLetterPath(p int, k uint64) string {
	return path.Join(DeadLetterDir, CommitName(p, k)+DeadLetterSuffix)
}

// WithToken is a file's name with a token before its end: where files have their final
// names before a manifest names them, those of two attempts need two names. The token has
// letters, digits and dots.
func WithToken(name, token string) string {
	end := path.Ext(name)
	return strings.TrimSuffix(name, end) + "-" + token + end
}

// ManifestDir is where the manifests of a partition are.
func ManifestDir(p int) string { return path.Join(CommitsDir, PartitionName(p)) }

// ManifestPath is where the manifest of operation n stands.
func ManifestPath(p int, n uint64) string {
	return path.Join(ManifestDir(p), fmt.Sprintf("%020d", n)+ManifestSuffix)
}

// ManifestNumber is the number of the operation in a manifest's file name.
func ManifestNumber(name string) (n uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, ManifestSuffix)
	if !ok {
		return 0, false
	}
	return number(digits)
}

// number reads a number of 20 digits.
func number(digits string) (n uint64, ok bool) {
	if len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && digits == fmt.Sprintf("%020d", n)
}

// DayName is the UTC day of t, like "2026-11-22".
func DayName(t events.Time) string { return t.Std().Format("2006-01-02") }

// safePath reports whether name is a plain relative path below dir: manifests
// are read from outside, and name the files that are moved.
func safePath(name, dir, suffix string) bool {
	return fs.ValidPath(name) && strings.HasPrefix(name, dir+"/") && strings.HasSuffix(name, suffix) &&
		!strings.Contains(name, "\\")
}

// FileName is what the name of a data file or of a dead letter file says.
type FileName struct {
	Partition int
	// Number is that of the commit, or of the operation if that is no commit.
	Number uint64
	// Operation says that Number is that of an operation which is no commit.
	Operation bool
	Token     string // of the attempt; empty where files are renamed when they are committed
}

// ParseFileName reads the name of a data file or of a dead letter file, without its
// folder.
func ParseFileName(name string) (f FileName, ok bool) {
	base, isData := strings.CutSuffix(name, FileSuffix)
	if !isData {
		if base, ok = strings.CutSuffix(name, DeadLetterSuffix); !ok {
			return f, false
		}
	}
	parts := strings.Split(base, "-")
	switch want := map[bool]int{true: 3, false: 2}[isData]; {
	case len(parts) == want+1 && parts[want] != "":
		f.Token = parts[want]
	case len(parts) != want:
		return f, false
	}
	digits, ok := strings.CutPrefix(parts[0], "p")
	p, err := strconv.Atoi(digits)
	if !ok || err != nil || p < 0 {
		return f, false
	}
	f.Partition = p
	digits, f.Operation = strings.CutPrefix(parts[1], operationMark)
	f.Number, ok = number(digits)
	return f, ok && (isData || !f.Operation)
}
