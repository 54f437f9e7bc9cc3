package schema

import (
	"slices"
	"strconv"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// feature is the feature of a path, or nil.
func (u *updater) feature(path []string) *tfmd.Feature {
	features := u.schema.Feature
	var found *tfmd.Feature
	for _, step := range path {
		i := slices.IndexFunc(features, func(f *tfmd.Feature) bool { return f.GetName() == step })
		if i < 0 {
			return nil
		}
		found = features[i]
		features = found.GetStructDomain().GetFeature()
	}
	return found
}

func (u *updater) sparse(path []string) *tfmd.SparseFeature {
	all := u.schema.SparseFeature
	if len(path) > 1 {
		all = u.feature(path[:len(path)-1]).GetStructDomain().GetSparseFeature()
	}
	for _, s := range all {
		if s.GetName() == path[len(path)-1] {
			return s
		}
	}
	return nil
}

func (u *updater) weighted(path []string) *tfmd.WeightedFeature {
	if len(path) == 1 {
		for _, w := range u.schema.WeightedFeature {
			if w.GetName() == path[0] {
				return w
			}
		}
	}
	return nil
}

func (u *updater) exists(path []string) bool {
	return u.feature(path) != nil || u.sparse(path) != nil || u.weighted(path) != nil
}

// isDeprecated reports whether nothing is checked of a feature.
func (u *updater) isDeprecated(path []string) bool {
	if f := u.feature(path); f != nil {
		return deprecated(f)
	}
	s := u.sparse(path)
	return s != nil && sparseDeprecated(s)
}

// create adds a feature for a column that has none.
func (u *updater) create(c *column) {
	last := c.path[len(c.path)-1]
	f := &tfmd.Feature{Name: &last, Type: c.featureType().Enum()}
	if len(c.path) == 1 {
		u.schema.Feature = append(u.schema.Feature, f)
	} else {
		parent := u.feature(c.path[:len(c.path)-1])
		d := parent.GetStructDomain()
		if d == nil {
			d = &tfmd.StructDomain{}
			parent.DomainInfo = &tfmd.Feature_StructDomain{StructDomain: d}
		}
		d.Feature = append(d.Feature, f)
	}
	inferPresence(c, u.inferShape, f)
	if c.ValidationDerivedSource != nil {
		markDerived(c, f)
	}
	if customDomain(c, f) || c.invalidTexts() || c.Type == tfmd.FeatureNameStatistics_BYTES {
		return
	}
	if d := inferBool(c); d != nil {
		f.DomainInfo = &tfmd.Feature_BoolDomain{BoolDomain: d}
		return
	}
	values := c.values()
	switch {
	case c.Type == tfmd.FeatureNameStatistics_STRING && allInts(values):
		f.DomainInfo = &tfmd.Feature_IntDomain{IntDomain: &tfmd.IntDomain{}}
	case len(values) > 0 && len(values) <= u.texts:
		d := u.newDomain(serialize(c.path))
		updateTexts(c, 0, d)
		f.DomainInfo = &tfmd.Feature_Domain{Domain: d.GetName()}
	}
}

// newDomain adds a domain of texts. Its name gets a number if it is taken.
func (u *updater) newDomain(name string) *tfmd.StringDomain {
	made := name
	for i := 2; u.domain(made) != nil; i++ {
		made = name + strconv.Itoa(i)
	}
	d := &tfmd.StringDomain{Name: &made}
	u.schema.StringDomain = append(u.schema.StringDomain, d)
	return d
}

// domain is the domain of texts of a name, or nil.
func (u *updater) domain(name string) *tfmd.StringDomain {
	for _, d := range u.schema.StringDomain {
		if d.GetName() == name {
			return d
		}
	}
	return nil
}

// clearDomain removes a domain of texts from all that use it.
func (u *updater) clearDomain(name string) {
	var clear func(features []*tfmd.Feature)
	clear = func(features []*tfmd.Feature) {
		for _, f := range features {
			if d, ok := f.DomainInfo.(*tfmd.Feature_Domain); ok && d.Domain == name {
				f.DomainInfo = nil
			}
			clear(f.GetStructDomain().GetFeature())
		}
	}
	clear(u.schema.Feature)
	u.schema.StringDomain = slices.DeleteFunc(u.schema.StringDomain,
		func(d *tfmd.StringDomain) bool { return d.GetName() == name })
}

// inEnvironment reports whether a feature belongs to an environment.
func (u *updater) inEnvironment(f *tfmd.Feature, env string) bool {
	switch {
	case env == "", slices.Contains(f.InEnvironment, env):
		return true
	case slices.Contains(f.NotInEnvironment, env):
		return false
	}
	return slices.Contains(u.schema.DefaultEnvironment, env)
}

// required reports whether rows must have a feature.
func (u *updater) required(f *tfmd.Feature, env string) bool {
	if deprecated(f) || f.GetPresence().GetMinCount() <= 0 && f.GetPresence().GetMinFraction() <= 0 {
		return false
	}
	return u.inEnvironment(f, env)
}

// stageDeprecated are the stages of life in which nothing is checked.
func stageDeprecated(s tfmd.LifecycleStage) bool {
	switch s {
	case tfmd.LifecycleStage_PLANNED, tfmd.LifecycleStage_ALPHA, tfmd.LifecycleStage_DEPRECATED,
		tfmd.LifecycleStage_DEBUG_ONLY, tfmd.LifecycleStage_DISABLED:
		return true
	}
	return false
}

func deprecated(f *tfmd.Feature) bool {
	//lint:ignore SA1019 schemas of users set the old field, and TFDV reads it
	return f.GetDeprecated() || f.LifecycleStage != nil && stageDeprecated(f.GetLifecycleStage())
}

func sparseDeprecated(s *tfmd.SparseFeature) bool {
	//lint:ignore SA1019 schemas of users set the old field, and TFDV reads it
	return s.GetDeprecated() || s.LifecycleStage != nil && stageDeprecated(s.GetLifecycleStage())
}

func deprecate(f *tfmd.Feature) { f.LifecycleStage = tfmd.LifecycleStage_DEPRECATED.Enum() }

func deprecateAll(f *tfmd.Feature, s *tfmd.SparseFeature, w *tfmd.WeightedFeature) {
	if f != nil {
		deprecate(f)
	}
	if s != nil {
		s.LifecycleStage = tfmd.LifecycleStage_DEPRECATED.Enum()
	}
	if w != nil {
		w.LifecycleStage = tfmd.LifecycleStage_DEPRECATED.Enum()
	}
}
