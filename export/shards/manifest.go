package shards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/labeljoin/labeljoin/export/bucket"
)

// manifestFormat is the version of the manifest's format.
const manifestFormat = 1

// Manifest says everything of a version of a day. EXPORT.md explains the fields.
type Manifest struct {
	Format   int    `json:"format"`
	Name     string `json:"name"`
	Day      string `json:"day"`
	Version  int    `json:"version"`
	Partial  bool   `json:"partial"`
	Created  string `json:"created"`
	Software string `json:"software"`
	// Parent is the SHA-256 of the manifest of the version before; empty in the first.
	Parent string `json:"parent_manifest_sha256"`

	FileFormat Format       `json:"file_format"`
	Files      []File       `json:"files"`
	Splits     []SplitFacts `json:"splits"`
	Counts     Counts       `json:"rows"`
	Unfit      []Unfit      `json:"unfit_values"`

	Method Method       `json:"method"`
	Labels []LabelFacts `json:"labels"`
	Config string       `json:"config"`
	// ConfigHash is the hash of the configuration, as Source.RulesHashes has those that decided rows.
	ConfigHash string `json:"config_hash,omitzero"`

	Source  SourceFacts   `json:"source"`
	Columns []ColumnFacts `json:"columns"`

	// Beside are the statistics and the report that lie beside the manifest, and Anomalies counts
	// those with which the day was exported all the same.
	Beside    []BesideFacts `json:"beside,omitzero"`
	Anomalies int           `json:"anomalies,omitzero"`
}

// SplitFacts are the sums over a split.
type SplitFacts struct {
	Name   string        `json:"name"`
	Files  int           `json:"files"`
	Rows   int64         `json:"rows"`
	Labels []LabelTotals `json:"labels"`
}

// Unfit counts values of a column that its type does not hold.
type Unfit struct {
	Column string `json:"column"`
	Values int64  `json:"values"`
}

// Method says how rows were chosen, ordered and split, so that any engine can do it again.
type Method struct {
	Settle     string  `json:"settle"`
	OrderSalt  string  `json:"order_salt"`
	SplitBy    SplitBy `json:"split_by"`
	SplitOf    string  `json:"split_column,omitzero"`
	SplitSalt  string  `json:"split_salt"`
	Eval       float64 `json:"eval"`
	Test       float64 `json:"test"`
	SampleSalt string  `json:"sample_salt"`
	Negatives  float64 `json:"negatives"`
	SampleBy   string  `json:"sample_label,omitzero"`
	// Models are the shares of negatives of some models; all others have Negatives.
	Models map[string]float64 `json:"negatives_by_model,omitempty"`
	// ByLabel are those of some labels, each of which has a sample of its own then.
	ByLabel   map[string]float64 `json:"negatives_by_label,omitempty"`
	Shards    int                `json:"shards"`
	GroupRows int                `json:"row_group_rows,omitzero"`
	// ShardBytes is the size that Shards follows from; 0: it was fixed. GroupBytes is the same of GroupRows.
	// Versions of before them have neither.
	ShardBytes int64 `json:"shard_size,omitzero"`
	GroupBytes int64 `json:"row_group_size,omitzero"`
}

// LabelFacts are a label's window and aggregate.
type LabelFacts struct {
	Name   string `json:"name"`
	Window string `json:"window"`
}

// SourceFacts say what the rows come from.
type SourceFacts struct {
	Joiner        string       `json:"joiner"`
	Commit        uint64       `json:"commit"` // the newest, when the day was read
	CommitHash    string       `json:"commit_manifest_sha256"`
	ClosedThrough string       `json:"closed_through"`
	RulesHashes   []string     `json:"rules_hashes"` // of the configurations that decided rows
	Inputs        []InputFacts `json:"inputs"`
	Gaps          []GapFacts   `json:"gaps"`
	Files         []FileFacts  `json:"files"`
}

// InputFacts say how far a stream had been read.
type InputFacts struct {
	Stream  string `json:"stream"`
	Created string `json:"created"`
	Next    uint64 `json:"next_seq"`
}

// GapFacts are a declared gap.
type GapFacts struct {
	ID   uint64 `json:"id"`
	From string `json:"from"`
	To   string `json:"to"`
}

// FileFacts name a file that was read.
type FileFacts struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// ColumnFacts are a column of the export, as schema.json has it too.
type ColumnFacts struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Role     Role   `json:"role"`
	Nullable bool   `json:"nullable"`
}

// encode renders what is written of a version.
func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v, json.Deterministic(true), jsontext.Multiline(true))
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(data, '\n'), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 256 << 20

// readManifest reads the manifest of a version, and its hash.
func readManifest(b bucket.Bucket, day string, v Version) (m *Manifest, hash string, err error) {
	name := path.Join(metaPath(day, v), manifestName)
	data, err := readObject(b, name)
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest of %s: %w", day, err)
	}
	m = &Manifest{}
	if err := json.Unmarshal(data, m, json.RejectUnknownMembers(true)); err != nil {
		return nil, "", &ManifestError{Path: strings.TrimSuffix(b.String(), "/") + "/" + name, Err: err}
	}
	return m, hashOf(data), nil
}

// ManifestError says that a manifest of an export is not what was written.
type ManifestError struct {
	Path string
	Err  error
}

func (e *ManifestError) Error() string {
	return fmt.Sprintf("%s: %v: it was changed from outside, or a newer labeljoin wrote it: restore it, or remove its folder and export the day again",
		e.Path, e.Err)
}

func (e *ManifestError) Unwrap() error { return e.Err }

// Refusal reports that a person has to decide.
func (e *ManifestError) Refusal() bool { return true }
