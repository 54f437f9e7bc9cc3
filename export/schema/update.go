package schema

import (
	"slices"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// reason is one thing that is wrong, in TFDV's words.
type reason struct {
	kind        tfmd.AnomalyInfo_Type
	short, long string
}

// updater changes a schema until the statistics fit it, and says why.
type updater struct {
	schema *tfmd.Schema
	// texts is how many different texts a column may have to get a domain.
	texts      int
	inferShape bool
}

// updated is what became of a column.
type updated struct {
	reasons []reason
	drift   []*tfmd.DriftSkewInfo_Measurement
	skew    []*tfmd.DriftSkewInfo_Measurement
}

// update makes the schema fit a column, without its parts.
func (u *updater) update(c *column) updated {
	f, sparse, weighted := u.feature(c.path), u.sparse(c.path), u.weighted(c.path)
	switch {
	case weighted != nil && (f != nil || sparse != nil) && !stageDeprecated(weighted.GetLifecycleStage()):
		deprecateAll(f, sparse, weighted)
		return updated{reasons: []reason{{tfmd.AnomalyInfo_WEIGHTED_FEATURE_NAME_COLLISION,
			"Weighted feature name collision", "Weighted feature name collision."}}}
	case weighted != nil:
		return updated{reasons: updateWeighted(c, weighted)}
	case sparse != nil && !sparseDeprecated(sparse) && f != nil && !deprecated(f):
		deprecateAll(f, sparse, nil)
		return updated{reasons: []reason{{tfmd.AnomalyInfo_SPARSE_FEATURE_NAME_COLLISION, "Sparse feature name collision",
			"Sparse feature name collision."}}}
	case sparse != nil && !sparseDeprecated(sparse):
		return updated{reasons: updateSparse(c, sparse)}
	case f != nil:
		return u.updateFeature(c, f)
	}
	u.create(c)
	return updated{reasons: []reason{{tfmd.AnomalyInfo_SCHEMA_NEW_COLUMN, "New column",
		"New column (column in data but not in schema)"}}}
}

// updateAll does it with the parts of the column too.
func (u *updater) updateAll(c *column) []reason {
	out := u.update(c).reasons
	if !u.isDeprecated(c.path) {
		for _, child := range c.children {
			out = append(out, u.updateAll(child)...)
		}
	}
	return out
}

// updateFeature makes a feature of the schema fit its column.
func (u *updater) updateFeature(c *column, f *tfmd.Feature) (out updated) {
	out.reasons = u.checkSelf(f)
	add := func(r ...reason) { out.reasons = append(out.reasons, r...) }
	if deprecated(f) {
		return out
	}
	if c.present() == 0 {
		if u.required(f, c.in.environment) {
			add(reason{tfmd.AnomalyInfo_FEATURE_TYPE_NOT_PRESENT, "Column dropped",
				"The feature was not present in any examples."})
			deprecate(f)
		}
		return out
	}
	add(u.updateEnvironment(c, f)...)
	add(updateValueCounts(c, f)...)
	add(updateShape(c, f)...)
	if p := f.GetPresence(); p != nil {
		add(updatePresence(c, p)...)
	}
	add(updateType(c, f)...)
	add(u.updateDomain(c, f)...)
	if f.UniqueConstraints != nil {
		add(updateUnique(c, f)...)
	}
	for _, k := range comparisons {
		reasons, measured := k.update(c, f)
		add(reasons...)
		if k.drift {
			out.drift = measured
		} else {
			out.skew = measured
		}
	}
	add(updateDerived(c, f)...)
	return out
}

// updateEnvironment puts a feature into the environment that it is found in.
func (u *updater) updateEnvironment(c *column, f *tfmd.Feature) []reason {
	env := c.in.environment
	if u.inEnvironment(f, env) {
		return nil
	}
	f.NotInEnvironment = slices.DeleteFunc(f.NotInEnvironment, func(e string) bool { return e == env })
	if !u.inEnvironment(f, env) {
		f.InEnvironment = append(f.InEnvironment, env)
	}
	return []reason{{
		tfmd.AnomalyInfo_SCHEMA_NEW_COLUMN, "Column missing in environment",
		"New column " + serialize(c.path) + " found in data but not in the environment " + env + " in the schema.",
	}}
}

// updateType gives up a feature whose column has another type.
func updateType(c *column, f *tfmd.Feature) []reason {
	if c.featureType() == f.GetType() {
		return nil
	}
	deprecate(f)
	return []reason{{
		tfmd.AnomalyInfo_UNEXPECTED_DATA_TYPE, "Unexpected data type",
		"Expected data of type: " + f.GetType().String() + " but got " + c.Type.String(),
	}}
}

// updateDomain makes the domain of a feature fit.
func (u *updater) updateDomain(c *column, f *tfmd.Feature) (out []reason) {
	if c.Type == tfmd.FeatureNameStatistics_BYTES {
		switch f.DomainInfo.(type) {
		case nil, *tfmd.Feature_NaturalLanguageDomain, *tfmd.Feature_ImageDomain, *tfmd.Feature_UrlDomain:
		default:
			text := prototext.MarshalOptions{Multiline: true}.Format(f)
			f.DomainInfo = nil
			out = append(out, reason{tfmd.AnomalyInfo_DOMAIN_INVALID_FOR_TYPE, "Invalid domain type",
				"Data is marked as BYTES with incompatible domain_info: " + text})
		}
	}
	finish := func(reasons []reason, clear bool) []reason {
		if clear {
			f.DomainInfo = nil
		}
		return append(out, reasons...)
	}
	switch d := f.DomainInfo.(type) {
	case *tfmd.Feature_Domain:
		reasons, clear := updateTexts(c, maxOffDomain(f), u.domain(d.Domain))
		if clear {
			u.clearDomain(d.Domain)
		}
		return append(out, reasons...)
	case *tfmd.Feature_StringDomain:
		return finish(updateTexts(c, maxOffDomain(f), d.StringDomain))
	case *tfmd.Feature_BoolDomain:
		return append(out, updateBool(c, f)...)
	case *tfmd.Feature_IntDomain:
		return finish(updateInts(c, d.IntDomain))
	case *tfmd.Feature_FloatDomain:
		return finish(updateFloats(c, d.FloatDomain))
	case *tfmd.Feature_ImageDomain:
		return append(out, updateImages(c, d.ImageDomain)...)
	case *tfmd.Feature_NaturalLanguageDomain:
		return append(out, updateLanguage(c, f, d.NaturalLanguageDomain)...)
	case nil:
		if customDomain(c, f) {
			out = append(out, reason{tfmd.AnomalyInfo_SEMANTIC_DOMAIN_UPDATE, "Updated semantic domain",
				"Updated semantic domain for feature: " + f.GetName()})
		}
	}
	return out
}

// updateDerived marks features that are computed from others.
func updateDerived(c *column, f *tfmd.Feature) (out []reason) {
	if c.ValidationDerivedSource != nil && f.ValidationDerivedSource == nil {
		markDerived(c, f)
		out = append(out, reason{tfmd.AnomalyInfo_DERIVED_FEATURE_INVALID_SOURCE, "Derived source not set in schema.",
			"Derived source not set in schema."})
	}
	if f.ValidationDerivedSource != nil && f.GetLifecycleStage() != tfmd.LifecycleStage_VALIDATION_DERIVED &&
		!deprecated(f) {
		f.LifecycleStage = tfmd.LifecycleStage_VALIDATION_DERIVED.Enum()
		out = append(out, reason{tfmd.AnomalyInfo_DERIVED_FEATURE_BAD_LIFECYCLE, "Derived feature has wrong lifecycle.",
			"Derived feature has wrong lifecycle."})
	}
	return out
}

func markDerived(c *column, f *tfmd.Feature) {
	f.LifecycleStage = tfmd.LifecycleStage_VALIDATION_DERIVED.Enum()
	f.ValidationDerivedSource = proto.CloneOf(c.ValidationDerivedSource)
}

// missingPaths are the features that must be there and are not.
func (u *updater) missingPaths(v *view) [][]string {
	var out [][]string
	var walk func(prefix []string, features []*tfmd.Feature)
	walk = func(prefix []string, features []*tfmd.Feature) {
		for _, f := range features {
			path := append(slices.Clone(prefix), f.GetName())
			if u.required(f, v.environment) && v.byPath[serialize(path)] == nil {
				out = append(out, path)
			}
			if !deprecated(f) {
				walk(path, f.GetStructDomain().GetFeature())
			}
		}
	}
	walk(nil, u.schema.Feature)
	return out
}
