package schema

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

// The environments of a frozen schema: rows to train on have labels, requests
// that are served have none yet.
const (
	Training = "TRAINING"
	Serving  = "SERVING"
)

// Freeze adds to a schema what inference leaves open: the range of every number
// as the statistics have it, and the two environments, with labels, their times
// and what labeljoin adds to rows in TRAINING only. What the schema says already
// stays. A label is a column beside which there is one with its name and _ts.
// The schema given stays as it is.
func Freeze(s *tfmd.Schema, list *tfmd.DatasetFeatureStatisticsList) (*tfmd.Schema, error) {
	data, err := Whole(list)
	if err != nil {
		return nil, err
	}
	s = proto.CloneOf(s)
	for _, env := range []string{Training, Serving} {
		if !slices.Contains(s.DefaultEnvironment, env) {
			s.DefaultEnvironment = append(s.DefaultEnvironment, env)
		}
	}
	v := newView(data, false, "")
	for _, f := range s.Feature {
		c := v.byPath[serialize([]string{f.GetName()})]
		if c == nil || deprecated(f) {
			continue
		}
		freezeRange(c, f)
		if addedByJoin(v, f.GetName()) && len(f.InEnvironment) == 0 && !slices.Contains(f.NotInEnvironment, Serving) {
			f.NotInEnvironment = append(f.NotInEnvironment, Serving)
		}
	}
	return s, nil
}

// freezeRange bounds the numbers of a feature that has no bounds.
func freezeRange(c *column, f *tfmd.Feature) {
	n := c.GetNumStats()
	if f.DomainInfo != nil || n == nil || c.present() == 0 || strings.HasSuffix(f.GetName(), "_ts") {
		return // times move on
	}
	switch c.Type {
	case tfmd.FeatureNameStatistics_INT:
		f.DomainInfo = &tfmd.Feature_IntDomain{IntDomain: &tfmd.IntDomain{Min: ptr(toInt(n.Min)), Max: ptr(toInt(n.Max))}}
	case tfmd.FeatureNameStatistics_FLOAT:
		d := &tfmd.FloatDomain{DisallowNan: ptr(true), DisallowInf: ptr(true)}
		for _, h := range n.Histograms {
			if h.NumNan > 0 {
				d.DisallowNan = nil
			}
		}
		if math.IsInf(n.Min, 0) || math.IsInf(n.Max, 0) {
			d.DisallowInf = nil
		}
		d.Min, d.Max = ptr(float32(n.Min)), ptr(float32(n.Max))
		f.DomainInfo = &tfmd.Feature_FloatDomain{FloatDomain: d}
	}
}

// addedByJoin reports whether requests have a column only after they are joined.
func addedByJoin(v *view, name string) bool {
	switch name {
	case "weight", "revision", "reason", "pending", "stage":
		return v.byPath["revision"] != nil && v.byPath["request_id"] != nil
	case "request_ts":
		return false
	}
	if base, isTime := strings.CutSuffix(name, "_ts"); isTime {
		return v.byPath[serialize([]string{base})] != nil
	}
	return v.byPath[serialize([]string{name + "_ts"})] != nil && name != "request"
}

// Labels are the columns that labeljoin has written as labels.
func Labels(d *tfmd.DatasetFeatureStatistics) []string {
	v := newView(d, false, "")
	var out []string
	for _, c := range v.features {
		if name := stats.NameOf(c.FeatureNameStatistics); !strings.HasSuffix(name, "_ts") &&
			v.byPath[serialize([]string{name + "_ts"})] != nil {
			out = append(out, name)
		}
	}
	return out
}
