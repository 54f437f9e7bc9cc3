package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"time"
)

// Fingerprint identifies what decides the rows: the join, the labels in their
// order, the features, the units of timestamps and the limits of events. It is the
// SHA-256, in hex, of canonical JSON, and is the same for configurations that differ
// only in comments, in the order of their keys (the labels' excepted), or in whether a
// default is spelled out. The shape of that JSON is stored with every commit
// through this hash, so it must never change.
func (c *Config) Fingerprint() string {
	type rules struct {
		Version    int                    `json:"version"`
		Join       map[string]any         `json:"join"`
		Labels     []canonicalLabel       `json:"labels"`
		Separator  string                 `json:"separator"`
		Declared   map[string]FeatureType `json:"declared"`
		Mode       FeaturesMode           `json:"mode,omitempty"` // unless it is evolve
		RequestsTS TimeUnit               `json:"requests_ts"`
		OutcomesTS TimeUnit               `json:"outcomes_ts"`
		Inputs     []map[string]any       `json:"inputs,omitempty"` // as soon as there are others than the two
		Limits     map[string]int64       `json:"limits,omitempty"` // those that are not the defaults
	}
	j := &c.Join
	canonical := rules{
		Version: 1,
		// Keys of a map are sorted by encoding/json. The window is not here:
		// the labels have it.
		Join: map[string]any{
			"lateness": j.Lateness.Std(), "clock_skew": j.ClockSkew.Std(), "corrections": j.Corrections.Std(),
			"rows": j.Rows, "duplicates": j.Duplicates, "emit": j.Emit,
			"max_future": j.MaxFuture.Std(), "max_age": j.MaxAge.Std(),
			"negatives": j.Negatives, "impression": j.Impression, "sample_negatives": j.SampleNegatives,
		},
		Labels:     []canonicalLabel{},
		Separator:  c.Features.Separator,
		Declared:   map[string]FeatureType{},
		RequestsTS: c.Inputs.unit(InputRequests),
		OutcomesTS: c.Inputs.unit(InputOutcomes),
	}
	if j.SampleNegatives < 1 && j.SampleHash != SampleFNV1a {
		canonical.Join["sample_hash"] = j.SampleHash
	}
	if j.Outcomes.SameID == SameIDLast {
		canonical.Join["same_id"] = j.Outcomes.SameID
	}
	if a := j.Attribute; a != nil {
		canonical.Join["attribute"] = map[string]any{"to": a.To, "by": a.By, "within": a.Within.Std()}
	}
	if !c.Inputs.isPlain() {
		for i := range c.Inputs.List {
			canonical.Inputs = append(canonical.Inputs, c.Inputs.List[i].canonical())
		}
	}
	for _, l := range c.Labels {
		canonical.Labels = append(canonical.Labels, l.canonical(c.Join.Rows))
	}
	if c.Features.Mode != FeaturesEvolve {
		canonical.Mode = c.Features.Mode
	}
	canonical.Limits = c.Limits.canonical()
	c.canonicalStages(canonical.Join)
	maps.Copy(canonical.Declared, c.Features.Declare)
	data, err := json.Marshal(canonical)
	if err != nil {
		// Only a number that JSON cannot hold gets here, and Validate refuses
		// those; an unvalidated configuration has no fingerprint.
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// canonical is what the fingerprint says of the limits, by their settings: what they reject is in no row.
func (l *Limits) canonical() map[string]int64 {
	usual, canonical := Default().Limits, map[string]int64{}
	if l.EventBytes != usual.EventBytes {
		canonical["event_bytes"] = int64(l.EventBytes)
	}
	if l.OutcomesPerRequest != usual.OutcomesPerRequest {
		canonical["outcomes_per_request"] = l.OutcomesPerRequest
	}
	if l.Depth != usual.Depth {
		canonical["depth"] = l.Depth
	}
	return canonical
}

// canonicalLabel is what a fingerprint says of a label.
type canonicalLabel struct {
	Name        string        `json:"name"`
	When        string        `json:"when"`
	Window      time.Duration `json:"window"`
	From        time.Duration `json:"from,omitempty"`
	Value       Agg           `json:"value"`
	Of          string        `json:"of,omitempty"`
	Until       string        `json:"until,omitempty"`
	Provisional time.Duration `json:"provisional,omitempty"`
	// Pair are its settings, in their order.
	Pair []string `json:"pair,omitempty"`
	// Columns are names, types and expressions, in turn.
	Columns [][3]string    `json:"columns,omitempty"`
	Votes   map[string]any `json:"votes,omitempty"` // unless outcomes are no votes
	// Of the request alone the condition says more than it did: it once needed an outcome.
	RowAlone bool `json:"row_alone,omitempty"`
}

// canonical is what the fingerprint says of the label, where there are rows of that kind.
func (l *Label) canonical(rows Rows) canonicalLabel {
	of := canonicalLabel{
		Name: l.Name, When: l.When, Window: l.Window.Std(), From: l.From.Std(), Value: l.Value, Of: l.Of,
		Until: l.Until, Provisional: l.Provisional.Std(), Pair: l.Pair.canonical(), Votes: l.canonicalVotes(),
		RowAlone: l.RowAlone(rows),
	}
	for _, column := range l.Columns {
		of.Columns = append(of.Columns, [3]string{column.Name, string(column.Type), column.Value})
	}
	return of
}

// canonicalStages says when rows are written before their close: only that counts, and not which
// labels say so.
func (c *Config) canonicalStages(join map[string]any) {
	if stages := c.Stages(); len(stages) > 0 || c.Join.Emit == EmitEach {
		join["emit"], join["stages"] = EmitEach, stages
	}
}
