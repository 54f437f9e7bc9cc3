package config

// An enum is a setting that takes one of a few words.
type enum interface{ words() []string }

// TimeUnit is the unit of timestamps that are integers.
type TimeUnit string

// The units. TimeAuto reads RFC 3339 text, and integers as milliseconds.
const (
	TimeAuto TimeUnit = "auto"
	TimeS    TimeUnit = "s"
	TimeMS   TimeUnit = "ms"
	TimeUS   TimeUnit = "us"
	TimeNS   TimeUnit = "ns"
)

func (TimeUnit) words() []string { return []string{"auto", "s", "ms", "us", "ns"} }

// Heartbeat says what may move the outcomes' watermark.
type Heartbeat string

// The policies. With HeartbeatRequired, nothing but events and heartbeats does;
// otherwise the broker's word that nothing is pending does too.
const (
	HeartbeatOptional Heartbeat = "optional"
	HeartbeatRequired Heartbeat = "required"
)

func (Heartbeat) words() []string { return []string{"optional", "required"} }

// NATSAuth says who may connect to the embedded server.
type NATSAuth string

// Clients with the password; with AuthLocal also processes of the same user, and
// with AuthNone everyone.
const (
	AuthLocal    NATSAuth = "local"
	AuthPassword NATSAuth = "password"
	AuthNone     NATSAuth = "none"
)

func (NATSAuth) words() []string { return []string{"local", "password", "none"} }

// Rows says what a row is.
type Rows string

// A row for each listed item, or one for each request.
const (
	RowsItem    Rows = "item"
	RowsRequest Rows = "request"
)

func (Rows) words() []string { return []string{"item", "request"} }

// Duplicates says what requests of the same id are.
type Duplicates string

// The earliest counts, or they are pieces of one request.
const (
	DuplicatesEarliest Duplicates = "earliest"
	DuplicatesMerge    Duplicates = "merge"
)

func (Duplicates) words() []string { return []string{"earliest", "merge"} }

// SameID says what outcomes with one outcome_id are.
type SameID string

// Copies, of which the first counts, or edits, of which the last counts.
const (
	SameIDFirst SameID = "first"
	SameIDLast  SameID = "last"
)

func (SameID) words() []string { return []string{"first", "last"} }

// Emit says when a row is written.
type Emit string

// At the close of its request, as soon as all its labels are decided, or without those that are
// not final.
const (
	EmitClose Emit = "close"
	EmitEarly Emit = "early"
	EmitEach  Emit = "each"
)

func (Emit) words() []string { return []string{"close", "early", "each"} }

// LabelEmit says whether rows wait for a label.
type LabelEmit string

// They do, or are written without it, and again when it is final.
const (
	LabelEmitClose LabelEmit = "close"
	LabelEmitEach  LabelEmit = "each"
)

func (LabelEmit) words() []string { return []string{"close", "each"} }

// PairOpens says which of several outcomes that open a pair is closed.
type PairOpens string

// The last before the close, or the first since the close before it.
const (
	PairOpensLast  PairOpens = "last"
	PairOpensFirst PairOpens = "first"
)

func (PairOpens) words() []string { return []string{"last", "first"} }

// AttributeTo says which requests have an outcome that names none.
type AttributeTo string

// The last one that matches, the first one, all of them, or all of them in shares.
const (
	AttributeLast     AttributeTo = "last"
	AttributeFirst    AttributeTo = "first"
	AttributeAll      AttributeTo = "all"
	AttributeEven     AttributeTo = "even"
	AttributePosition AttributeTo = "position"
)

func (AttributeTo) words() []string { return []string{"last", "first", "all", "even", "position"} }

// LabelColumnType is the type of a column that a label keeps.
type LabelColumnType string

// The types.
const (
	LabelColumnDouble LabelColumnType = "double"
	LabelColumnString LabelColumnType = "string"
	LabelColumnBool   LabelColumnType = "bool"
)

func (LabelColumnType) words() []string { return []string{"double", "string", "bool"} }

// SampleHash says by which hash of the request id sampling keeps negatives.
type SampleHash string

// The older hash, and the one that SQL engines have.
const (
	SampleFNV1a  SampleHash = "fnv1a"
	SampleSHA256 SampleHash = "sha256"
)

func (SampleHash) words() []string { return []string{"fnv1a", "sha256"} }

// Negatives says which negative rows are kept.
type Negatives string

// All of them, those that an impression proves seen, or those not below the
// last positive position.
const (
	NegativesAll               Negatives = "all"
	NegativesSeen              Negatives = "seen"
	NegativesAboveLastPositive Negatives = "above_last_positive"
)

func (Negatives) words() []string { return []string{"all", "seen", "above_last_positive"} }

// Agg is what a label's column holds of the outcomes that qualify: an aggregate, or one
// of an expression. See Parts.
type Agg string

// The aggregates; joiner.Agg has their meaning.
const (
	Any     Agg = "any"
	Count   Agg = "count"
	Sum     Agg = "sum"
	Mean    Agg = "mean"
	Max     Agg = "max"
	Min     Agg = "min"
	First   Agg = "first"
	Last    Agg = "last"
	Latency Agg = "latency"

	// Of votes, which a label has that says by whom they are.
	Majority  Agg = "majority"
	Consensus Agg = "consensus"
	Median    Agg = "median"
)

func aggWords() []string {
	return []string{"any", "count", "sum", "mean", "max", "min", "first", "last", "latency", "majority", "consensus",
		"median"}
}

// Ties says what a label of votes is where they do not settle it.
type Ties string

// The rules for ties.
const (
	TiesNone    Ties = "none"
	TiesLowest  Ties = "lowest"
	TiesHighest Ties = "highest"
)

func (Ties) words() []string { return []string{"none", "lowest", "highest"} }

// FeaturesMode says which columns features have besides the declared ones.
type FeaturesMode string

// Every new feature gets a column, none does, or those keep theirs that the output has.
const (
	FeaturesEvolve   FeaturesMode = "evolve"
	FeaturesDeclared FeaturesMode = "declared"
	FeaturesFrozen   FeaturesMode = "frozen"
)

func (FeaturesMode) words() []string { return []string{"evolve", "declared", "frozen"} }

// FeatureType is the declared type of a feature's column.
type FeatureType string

// The types of columns.
const (
	FeatureBool        FeatureType = "bool"
	FeatureInt64       FeatureType = "int64"
	FeatureDouble      FeatureType = "double"
	FeatureFloat32     FeatureType = "float32"
	FeatureString      FeatureType = "string"
	FeatureListBool    FeatureType = "list<bool>"
	FeatureListInt64   FeatureType = "list<int64>"
	FeatureListDouble  FeatureType = "list<double>"
	FeatureListFloat32 FeatureType = "list<float32>"
	FeatureListString  FeatureType = "list<string>"
	FeatureJSON        FeatureType = "json"
)

func (FeatureType) words() []string {
	return []string{"bool", "int64", "double", "float32", "string", "list<bool>", "list<int64>", "list<double>",
		"list<float32>", "list<string>", "json"}
}

// LogLevel is the least severity that is logged.
type LogLevel string

// The levels.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

func (LogLevel) words() []string { return []string{"debug", "info", "warn", "error"} }

// LogFormat is how the log is written.
type LogFormat string

// LogAuto is text on a terminal and JSON elsewhere.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

func (LogFormat) words() []string { return []string{"auto", "text", "json"} }
