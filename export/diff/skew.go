package diff

// Skew is the result in the counters of TensorFlow Data Validation's feature skew: A is its base,
// B its test. Rows that both have are its pairs, and a null is a feature that is not there.
// https://github.com/tensorflow/data-validation, skew/protos/feature_skew_results.proto
type Skew struct {
	Match    MatchStats    `json:"match_stats"`
	Features []FeatureSkew `json:"feature_skew"`
}

// MatchStats are the counters of identifiers.
type MatchStats struct {
	Base          int64 `json:"base_with_id_count"`
	Test          int64 `json:"test_with_id_count"`
	Identifiers   int64 `json:"identifiers_count"`
	MissingInBase int64 `json:"ids_missing_in_base_count"`
	MissingInTest int64 `json:"ids_missing_in_test_count"`
	Pairs         int64 `json:"matching_pairs_count"`
}

// FeatureSkew are the counters of a column.
type FeatureSkew struct {
	Name     string `json:"feature_name"`
	Base     int64  `json:"base_count"` // pairs in which the base has it
	Test     int64  `json:"test_count"`
	Match    int64  `json:"match_count"` // pairs in which neither has it included
	BaseOnly int64  `json:"base_only"`
	TestOnly int64  `json:"test_only"`
	Mismatch int64  `json:"mismatch_count"`
	Diff     int64  `json:"diff_count"` // the sum of the last three
}

// Skew is the result in the counters of TensorFlow Data Validation.
func (r *Result) Skew() Skew {
	s := Skew{Features: []FeatureSkew{}, Match: MatchStats{
		Base: r.RowsA, Test: r.RowsB, Identifiers: r.Both + r.OnlyA + r.OnlyB, MissingInBase: r.OnlyB,
		MissingInTest: r.OnlyA, Pairs: r.Both,
	}}
	for i := range r.Columns {
		c := &r.Columns[i]
		both := c.Matches - c.Nulls + c.Differ
		s.Features = append(s.Features, FeatureSkew{
			Name: c.Name, Base: both + c.OnlyA, Test: both + c.OnlyB, Match: c.Matches, BaseOnly: c.OnlyA,
			TestOnly: c.OnlyB, Mismatch: c.Differ, Diff: c.OnlyA + c.OnlyB + c.Differ,
		})
	}
	return s
}
