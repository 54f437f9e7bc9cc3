package schema

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// Against is what statistics are compared with. All of it may be nil.
type Against struct {
	Environment string                             // of the schema; empty: none
	Previous    *tfmd.DatasetFeatureStatisticsList // of rows before, for drift
	Serving     *tfmd.DatasetFeatureStatisticsList // of rows that were served, for skew
	Version     *tfmd.DatasetFeatureStatisticsList // of the same rows, made before
}

// Validate finds what is not as the schema says, as tfdv.validate_statistics
// does. Where there are no rows, only data_missing is set.
func Validate(list *tfmd.DatasetFeatureStatisticsList, s *tfmd.Schema, a Against) (*tfmd.Anomalies, error) {
	data, err := Whole(list)
	if err != nil {
		return nil, err
	}
	if a.Environment, err = environment(s, a.Environment); err != nil {
		return nil, err
	}
	byWeight := weighted(data)
	v := newView(data, byWeight, a.Environment)
	var version *view
	for _, o := range []struct {
		list *tfmd.DatasetFeatureStatisticsList
		to   **view
	}{{a.Previous, &v.previous}, {a.Serving, &v.serving}, {a.Version, &version}} {
		if o.list != nil {
			other, err := Whole(o.list)
			if err != nil {
				return nil, err
			}
			*o.to = newView(other, byWeight, a.Environment)
		}
	}
	out := &tfmd.Anomalies{BaselineSchema: &tfmd.Anomalies_Baseline{Baseline: proto.CloneOf(s)}}
	if data.NumExamples == 0 {
		out.DataMissing = ptr(true)
		return out, nil
	}
	d := &detector{baseline: s, view: v, byName: map[string][]*tfmd.Feature{}, found: map[string]*finding{}}
	out.AnomalyNameFormat = tfmd.Anomalies_SERIALIZED_PATH.Enum()
	d.detect()
	d.report(out)
	if reasons := checkExamples(v, version, s.DatasetConstraints); len(reasons) > 0 {
		out.DatasetAnomalyInfo = info(reasons)
	}
	return out, nil
}

// finding is what was found about one feature.
type finding struct {
	path    []string
	reasons []reason
	drift   *tfmd.DriftSkewInfo
	schema  *updater // the part of the schema that is about it, changed to fit
}

// detector finds anomalies. Each feature is checked with a schema of its own.
type detector struct {
	baseline *tfmd.Schema
	view     *view
	byName   map[string][]*tfmd.Feature
	found    map[string]*finding
}

func (d *detector) detect() {
	for _, f := range d.baseline.Feature {
		d.byName[f.GetName()] = append(d.byName[f.GetName()], f)
	}
	for _, c := range d.view.features {
		if c.parent == nil {
			d.check(c)
		}
	}
	whole := &updater{schema: d.baseline}
	for _, path := range whole.missingPaths(d.view) {
		f := d.at(path)
		f.reasons = append(f.reasons, reason{tfmd.AnomalyInfo_SCHEMA_MISSING_COLUMN, "Column dropped",
			"Column is completely missing"})
	}
}

// at is the finding about a path, made with the part of the schema that it is
// about.
func (d *detector) at(path []string) *finding {
	key := serialize(path)
	if d.found[key] == nil {
		d.found[key] = &finding{path: path, schema: &updater{schema: d.part(path[0]), texts: validationTexts}}
	}
	return d.found[key]
}

// validationTexts is how many different texts a new column may have to get a
// domain while validating.
const validationTexts = 400

// part is the schema without other features.
func (d *detector) part(root string) *tfmd.Schema {
	s := &tfmd.Schema{DefaultEnvironment: d.baseline.DefaultEnvironment}
	var domains func(features []*tfmd.Feature)
	domains = func(features []*tfmd.Feature) {
		for _, f := range features {
			if name, ok := f.DomainInfo.(*tfmd.Feature_Domain); ok {
				if found := (&updater{schema: d.baseline}).domain(name.Domain); found != nil {
					s.StringDomain = append(s.StringDomain, proto.CloneOf(found))
				}
			}
			domains(f.GetStructDomain().GetFeature())
		}
	}
	for _, f := range d.byName[root] {
		s.Feature = append(s.Feature, proto.CloneOf(f))
	}
	domains(s.Feature)
	for _, f := range d.baseline.SparseFeature {
		if f.GetName() == root {
			s.SparseFeature = append(s.SparseFeature, proto.CloneOf(f))
		}
	}
	for _, f := range d.baseline.WeightedFeature {
		if f.GetName() == root {
			s.WeightedFeature = append(s.WeightedFeature, proto.CloneOf(f))
		}
	}
	return s
}

// check checks a column and its parts.
func (d *detector) check(c *column) {
	f := d.at(c.path)
	if !f.schema.exists(c.path) {
		f.reasons = append(f.reasons, f.schema.updateAll(c)...)
		return
	}
	if f.schema.isDeprecated(c.path) {
		return
	}
	u := f.schema.update(c)
	f.reasons = append(f.reasons, u.reasons...)
	if len(u.drift)+len(u.skew) > 0 {
		f.drift = &tfmd.DriftSkewInfo{Path: &tfmd.Path{Step: c.path}, DriftMeasurements: u.drift, SkewMeasurements: u.skew}
	}
	if len(f.reasons) > 0 && f.schema.isDeprecated(c.path) {
		return
	}
	for _, child := range c.children {
		d.check(child)
	}
}

// report writes what was found, in the order of the paths.
func (d *detector) report(out *tfmd.Anomalies) {
	var all []*finding
	for _, f := range d.found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *finding) int { return slices.Compare(a.path, b.path) })
	for _, f := range all {
		if len(f.reasons) > 0 {
			if out.AnomalyInfo == nil {
				out.AnomalyInfo = map[string]*tfmd.AnomalyInfo{}
			}
			i := info(f.reasons)
			i.Path = &tfmd.Path{Step: f.path}
			out.AnomalyInfo[serialize(f.path)] = i
		}
		if f.drift != nil {
			out.DriftSkewInfo = append(out.DriftSkewInfo, f.drift)
		}
	}
}

// info makes one anomaly of its reasons.
func info(reasons []reason) *tfmd.AnomalyInfo {
	if !slices.ContainsFunc(reasons, func(r reason) bool { return r.kind != tfmd.AnomalyInfo_SCHEMA_NEW_COLUMN }) {
		reasons = reasons[:1]
	}
	out := &tfmd.AnomalyInfo{Severity: tfmd.AnomalyInfo_ERROR.Enum()}
	var long []string
	short := ""
	for _, r := range reasons {
		out.Reason = append(out.Reason, &tfmd.AnomalyInfo_Reason{Type: r.kind.Enum(), ShortDescription: ptr(r.short),
			Description: ptr(r.long)})
		switch {
		case len(long) == 0:
			short = r.short
		case r.long != "":
			short = "Multiple errors"
		}
		if r.long != "" {
			long = append(long, r.long)
		}
	}
	out.ShortDescription, out.Description = ptr(short), ptr(strings.Join(long, " "))
	return out
}

// checkExamples checks how many rows there are. As in TFDV, an upper bound
// counts only where there is a lower one too.
func checkExamples(v, version *view, c *tfmd.DatasetConstraints) (out []reason) {
	if c == nil {
		return nil
	}
	out = append(out, compareExamples(v, v.previous, "previous span", c.NumExamplesDriftComparator)...)
	out = append(out, compareExamples(v, version, "previous version", c.NumExamplesVersionComparator)...)
	n := v.examples()
	if c.MinExamplesCount == nil {
		return out
	}
	if n < float64(c.GetMinExamplesCount()) {
		out = append(out, reason{tfmd.AnomalyInfo_DATASET_LOW_NUM_EXAMPLES, "Low num examples in dataset.",
			"The dataset has " + sixDigits(n) + " examples, which is fewer than expected."})
	}
	if c.MaxExamplesCount != nil && n > float64(c.GetMaxExamplesCount()) {
		out = append(out, reason{tfmd.AnomalyInfo_DATASET_HIGH_NUM_EXAMPLES, "High num examples in dataset.",
			"The dataset has " + sixDigits(n) + " examples, which is more than expected."})
	}
	return out
}

func compareExamples(v, other *view, name string, k *tfmd.NumericValueComparator) (out []reason) {
	if k == nil || other == nil {
		return nil
	}
	control := other.examples()
	ratio := v.examples() / control
	far := func(kind tfmd.AnomalyInfo_Type, word, side string, threshold float64) {
		out = append(out, reason{
			kind, word + " num examples in current dataset versus the " + name + ".",
			"The ratio of num examples in the current dataset versus the " + name + " is " + sixDigits(ratio) +
				" (up to six significant digits), which is " + side + " the threshold " + sixDigits(threshold) + ".",
		})
	}
	switch {
	case k.MaxFractionThreshold == nil:
	case control == 0:
		out = append(out, reason{
			tfmd.AnomalyInfo_COMPARATOR_HIGH_NUM_EXAMPLES, "High num examples in current dataset versus the " + name +
				", which has 0.",
			"The " + name + " has 0 examples, so there is a high number of examples in the current dataset versus the " + name +
				".",
		})
	case ratio > k.GetMaxFractionThreshold():
		far(tfmd.AnomalyInfo_COMPARATOR_HIGH_NUM_EXAMPLES, "High", "above", k.GetMaxFractionThreshold())
	}
	if k.MinFractionThreshold != nil && control != 0 && ratio < k.GetMinFractionThreshold() {
		far(tfmd.AnomalyInfo_COMPARATOR_LOW_NUM_EXAMPLES, "Low", "below", k.GetMinFractionThreshold())
	}
	return out
}

// EncodeAnomalies are the bytes of the message that tfdv.load_anomalies_binary
// reads. Equal anomalies have the same bytes.
func EncodeAnomalies(a *tfmd.Anomalies) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(a)
}

// DecodeAnomalies reads what EncodeAnomalies wrote.
func DecodeAnomalies(data []byte) (*tfmd.Anomalies, error) {
	a := &tfmd.Anomalies{}
	return a, proto.Unmarshal(data, a)
}

// environment is the environment of a schema with a name. Upper and lower case are one, unless the
// schema tells them apart. Without a name there is none.
func environment(s *tfmd.Schema, name string) (string, error) {
	if name == "" || slices.Contains(s.DefaultEnvironment, name) {
		return name, nil
	}
	var found []string
	for _, e := range s.DefaultEnvironment {
		if strings.EqualFold(e, name) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return "", &Error{fmt.Errorf("the schema has no environment %q; it has %q", name, s.DefaultEnvironment)}
	}
	return found[0], nil
}
