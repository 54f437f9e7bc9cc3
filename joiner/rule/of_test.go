package rule

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLabelsOfOthers(t *testing.T) {
	day := int64(24 * time.Hour)
	values := map[string]float64{"bought": 1, "returned": 1, "clicks": 3, "views": 0}
	times := map[string]int64{"bought": day, "returned": 15 * day}
	labels := []string{"bought", "returned", "clicks", "views", "rated", "a_ts"}
	for _, c := range []struct {
		expr  string
		want  Number
		err   string
		truth bool
		needs string
	}{
		{`bought == 1 && !(returned == 1 && returned_ts - bought_ts <= 14d)`, Number{0, true}, "", true, "bought returned"},
		{`bought == 1 && !(returned == 1 && returned_ts - bought_ts < 14d)`, Number{1, true}, "", true, "bought returned"},
		{`returned_ts - bought_ts <= 13d23h59m59.999999999s`, Number{0, true}, "", true, "returned bought"},
		{`bought_ts == 24h && bought_ts == 1440m && bought_ts == 86400s && bought_ts == 86400000ms`, Number{1, true}, "",
			true, "bought"},
		{`bought_ts / 1h`, Number{24, true}, "", false, "bought"},
		{`clicks / (views + 1)`, Number{3, true}, "", false, "clicks views"},
		{`clicks / views`, Number{}, "", false, "clicks views"},
		{`rated`, Number{}, "", false, "rated"},
		{`rated + 1`, Number{}, "nil + number is not possible", false, "rated"},
		{`rated == nil`, Number{1, true}, "", true, "rated"},
		{`(rated ?? 2) * clicks`, Number{6, true}, "", false, "rated clicks"},
		{`rated_ts == nil && clicks > 2`, Number{1, true}, "", true, "rated clicks"},
		{`let n = clicks; n + n`, Number{6, true}, "", false, "clicks"},
		{`a_ts ?? 1`, Number{1, true}, "", false, "a_ts"},
		{`clicks / item.position`, Number{3. / 7, true}, "", false, "clicks"},
		{`request.features.n > 3 && request.user_id == "u1"`, Number{1, true}, "", true, ""},
		{`bought == 1 && item.features.price < 9`, Number{1, true}, "", true, "bought"},
		{`bought * item.features.none`, Number{}, "number * nil is not possible", false, "bought"},
		{`clicks == 3 && string(clicks) != "14d"`, Number{1, true}, "", true, "clicks"},
	} {
		t.Run(c.expr, func(t *testing.T) {
			of, err := CompileOf(c.expr, labels)
			if err != nil {
				t.Errorf("%s: %v", c.expr, err)
				return
			}
			got, err := of.Eval(func(name string) (float64, bool) { v, ok := values[name]; return v, ok },
				func(name string) (int64, bool) { ns, ok := times[name]; return ns, ok }, aRequest(), 0)
			slices.Sort(of.Needs)
			wanted := strings.Fields(c.needs)
			slices.Sort(wanted)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) ||
				of.Truth != c.truth || !slices.Equal(of.Needs, wanted) {
				t.Errorf("%s is %v (%v), truth %v, of %v; want %+v", c.expr, got, err, of.Truth, of.Needs, c)
			}
		})
	}
}

func TestWhatNoLabelIsMadeOf(t *testing.T) {
	for expr, want := range map[string]string{
		`bougth == 1`:                     `unknown label "bougth"; did you mean "bought"? (at column 1 of the expression)`,
		`bought_ts < 14d && clicked == 1`: `unknown label "clicked"; there are bought, rated (at column 20 of the expression)`,
		`bought_ts < 14d && `:             `the expression ends too early`,
		`"a"`:                             `true, false or a number, but this is text`,
		`1 + 1`:                           `it names no label, and not the request: name one of bought, rated`,
		`request.usr_id == "a" && bought_ts > 1d`: `unknown name of the request "usr_id"; did you mean "user_id"?`,
		`now() > 1d`:                         `unknown function "now"`,
		`bought_ts < 14 days`:                `(at column 16 of the expression)`,
		`any([bought], any([rated], # > 0))`: `any within another loop`,
	} {
		t.Run(expr, func(t *testing.T) {
			_, err := CompileOf(expr, []string{"bought", "rated"})
			var known *Error
			if !errors.As(err, &known) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", expr, err, want)
			}
		})
	}
}
