package config

import (
	"strings"
	"testing"
)

func TestVotes(t *testing.T) {
	c := decodeOK(t, `labels: {good: {when: 'type == "rating"', value: majority, by: attrs.rater}, deep: {when: 'true', value: mean, by: attrs.who.name, min: 1}}`)
	if l := &c.Labels[0]; l.Min != 3 || l.Ties != TiesNone || !l.IsOfVotes() {
		t.Errorf("the defaults are %+v", l)
	}
	if l := &c.Labels[1]; l.Min != 1 || l.Ties != "" {
		t.Errorf("what is given is not kept, or a mean has ties: %+v", l)
	}
	again := decodeOK(t, string(c.Print()))
	if again.Fingerprint() != c.Fingerprint() {
		t.Errorf("printed and read again it is another one:\n%s", c.Print())
	}
	for name, other := range map[string]string{
		"by": "by: attrs.user", "min": "by: attrs.rater, min: 2", "ties": "by: attrs.rater, ties: lowest",
		"classes": "by: attrs.rater, classes: [a, b]",
	} {
		t.Run(name, func(t *testing.T) {
			base := decodeOK(t, `labels: {good: {when: 'true', value: majority(attrs.c), by: attrs.rater}}`)
			changed := decodeOK(t, `labels: {good: {when: 'true', value: majority(attrs.c), `+other+`}}`)
			if base.Fingerprint() == changed.Fingerprint() {
				t.Errorf("%s decides labels, and is not in the fingerprint", name)
			}
		})
	}
}

func TestWrongVotes(t *testing.T) {
	for label, want := range map[string]string{
		`{when: 'true', value: majority}`:                                                  "labels.a.value: majority is of votes: say which attribute",
		`{when: 'true', value: median(value + 1)}`:                                         "labels.a.value: median is of votes",
		`{when: 'true', value: mean, min: 2}`:                                              "labels.a.by: is missing, and min has no effect",
		`{when: 'true', value: max, by: attrs.rater}`:                                      "labels.a.value: max is not of votes: with `by` it is majority",
		`{when: 'true', by: attrs.rater}`:                                                  "labels.a.value: any is not of votes",
		`{when: 'true', value: mean, by: rater}`:                                           `labels.a.by: "rater" is no attribute of an outcome`,
		`{when: 'true', value: mean, by: attrs.rater, ties: lowest}`:                       "labels.a.ties: a mean has no ties",
		`{when: 'true', value: majority, by: attrs.rater, ties: first}`:                    `labels.a.ties: "first" is not known`,
		`{when: 'true', value: majority, by: attrs.rater, classes: [x, y]}`:                "labels.a.classes: the field value is a number",
		`{when: 'true', value: mean(attrs.c), by: attrs.rater, classes: [x, y]}`:           "labels.a.classes: classes have no mean",
		`{when: 'true', value: majority(attrs.c), by: attrs.rater, classes: [x]}`:          "labels.a.classes: there are 1 classes",
		`{when: 'true', value: majority(attrs.c), by: attrs.rater, classes: [x, y, x]}`:    `labels.a.classes: "x" is there twice`,
		`{when: 'true', value: majority, by: attrs.rater, columns: {a_votes: 'attrs.ms'}}`: "its column a_votes is a column of the votes of label a",
		`{of: 'b == 1', by: attrs.rater}`:                                                  "labels.a.by: has no effect beside `of`",
	} {
		t.Run(label, func(t *testing.T) {
			_, err := Decode("f.yaml", []byte("labels: {a: "+label+"}"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", label, err, want)
			}
		})
	}
}
