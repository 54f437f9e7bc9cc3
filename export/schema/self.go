package schema

import (
	"fmt"
	"slices"

	"github.com/labeljoin/labeljoin/export/tfmd"
)

// checkSelf mends a feature whose description contradicts itself.
func (u *updater) checkSelf(f *tfmd.Feature) (out []reason) {
	if deprecated(f) {
		return nil
	}
	if f.Name == nil {
		deprecate(f)
		return []reason{{kind: tfmd.AnomalyInfo_FEATURE_MISSING_NAME,
			short: "unspecified name (maybe meant to be the empty string): find name rather than deprecating."}}
	}
	if f.Type == nil {
		switch f.DomainInfo.(type) {
		case *tfmd.Feature_Domain, *tfmd.Feature_StringDomain:
			out = append(out, reason{kind: tfmd.AnomalyInfo_FEATURE_MISSING_TYPE,
				short: "unspecified type: inferring the type to be BYTES, given the domain specified."})
			f.Type = tfmd.FeatureType_BYTES.Enum()
		default:
			deprecate(f)
			return []reason{{kind: tfmd.AnomalyInfo_FEATURE_MISSING_TYPE,
				short: "unspecified type: determine the type and set it, rather than deprecating."}}
		}
	}
	out = append(out, checkPresence(f)...)
	out = append(out, checkCounts(f)...)
	return append(out, u.checkDomain(f)...)
}

func wrong(short, long string) reason {
	return reason{tfmd.AnomalyInfo_INVALID_SCHEMA_SPECIFICATION, short, long}
}

func checkPresence(f *tfmd.Feature) (out []reason) {
	p := f.GetPresence()
	if p.GetMinFraction() < 0 {
		p.MinFraction = nil
		out = append(out, wrong("min_fraction should not be negative: clear is equal to zero", ""))
	}
	if p.GetMinFraction() > 1 {
		p.MinFraction = ptr(1.0)
		out = append(out, wrong("min_fraction should not greater than 1", ""))
	}
	return out
}

func checkCounts(f *tfmd.Feature) (out []reason) {
	if n := f.GetValueCount(); n != nil {
		if n.GetMin() < 0 {
			n.Min = nil
			out = append(out, wrong("ValueCount.min should not be negative", ""))
		}
		if n.Max != nil && n.GetMax() < n.GetMin() {
			out = append(out, wrong("ValueCount.max should not be less than min", ""))
			n.Max = ptr(n.GetMin())
		}
	}
	for i, n := range f.GetValueCounts().GetValueCount() {
		if n.GetMin() < 0 {
			n.Min = nil
			out = append(out, wrong("ValueCounts.min should not be negative",
				fmt.Sprintf("ValueCounts.min at level %d should not be negative.", i)))
		}
		if n.Max != nil && n.GetMax() < n.GetMin() {
			n.Max = ptr(n.GetMin())
			out = append(out, wrong("ValueCounts.max should not be less than min",
				fmt.Sprintf("ValueCounts.max at level %d should not be less than min.", i)))
		}
	}
	if slices.ContainsFunc(f.GetShape().GetDim(), func(d *tfmd.FixedShape_Dim) bool { return d.GetSize() <= 0 }) {
		f.ShapeType = nil
		out = append(out, wrong("Shape.dim.size must be a positive integer", ""))
	}
	return out
}

// domainOf is what a domain is called, the types that may have it, and how
// TFDV names its group where it refuses constraints of distribution.
func domainOf(f *tfmd.Feature) (name string, types []tfmd.FeatureType, group string) {
	const bytes, ints, floats, structs = tfmd.FeatureType_BYTES, tfmd.FeatureType_INT, tfmd.FeatureType_FLOAT, tfmd.FeatureType_STRUCT
	switch f.DomainInfo.(type) {
	case *tfmd.Feature_Domain:
		return "domain", []tfmd.FeatureType{bytes}, ""
	case *tfmd.Feature_StringDomain:
		return "string_domain", []tfmd.FeatureType{bytes}, ""
	case *tfmd.Feature_BoolDomain:
		return "bool_domain", []tfmd.FeatureType{ints, bytes, floats}, "bool"
	case *tfmd.Feature_IntDomain:
		return "int_domain", []tfmd.FeatureType{ints, bytes}, "int"
	case *tfmd.Feature_FloatDomain:
		return "float_domain", []tfmd.FeatureType{floats, bytes}, "float"
	case *tfmd.Feature_StructDomain:
		return "struct_domain", []tfmd.FeatureType{structs}, "struct"
	case *tfmd.Feature_NaturalLanguageDomain:
		return "natural_language_domain", []tfmd.FeatureType{bytes, ints}, "semantic"
	case *tfmd.Feature_ImageDomain:
		return "image_domain", []tfmd.FeatureType{bytes}, "semantic"
	case *tfmd.Feature_MidDomain:
		return "mid_domain", []tfmd.FeatureType{bytes}, "semantic"
	case *tfmd.Feature_UrlDomain:
		return "url_domain", []tfmd.FeatureType{bytes}, "semantic"
	case *tfmd.Feature_TimeDomain:
		return "time_domain", []tfmd.FeatureType{ints, bytes}, "semantic"
	}
	return "UNSET", []tfmd.FeatureType{ints, floats, bytes, structs}, "unset"
}

func (u *updater) checkDomain(f *tfmd.Feature) (out []reason) {
	if name, types, _ := domainOf(f); !slices.Contains(types, f.GetType()) {
		out = append(out, reason{
			tfmd.AnomalyInfo_DOMAIN_INVALID_FOR_TYPE, "The domain does not match the type",
			fmt.Sprintf("The domain %q does not match the type: %s", name, f.GetType()),
		})
		f.DomainInfo = nil
	}
	if d, ok := f.DomainInfo.(*tfmd.Feature_Domain); ok && u.domain(d.Domain) == nil {
		// TFDV clears the name first, so that its text does not have it.
		f.DomainInfo = nil
		return append(out, reason{kind: tfmd.AnomalyInfo_INVALID_DOMAIN_SPECIFICATION, short: "missing domain: "})
	}
	if _, _, group := domainOf(f); group != "" && f.DistributionConstraints != nil {
		f.DistributionConstraints = nil
		text := "distribution constraints not supported for " + group + " domains."
		if group == "unset" {
			text = "distribution constraints require domain or string domain."
		}
		out = append(out, wrong(text, ""))
	}
	switch d := f.DomainInfo.(type) {
	case *tfmd.Feature_BoolDomain:
		b := d.BoolDomain
		if b.TrueValue != nil && b.FalseValue != nil && b.GetTrueValue() == b.GetFalseValue() {
			b.FalseValue = nil
		}
	case *tfmd.Feature_StringDomain:
		var once []string
		for _, v := range d.StringDomain.Value {
			if !slices.Contains(once, v) {
				once = append(once, v)
			}
		}
		d.StringDomain.Value = once
	}
	return out
}
