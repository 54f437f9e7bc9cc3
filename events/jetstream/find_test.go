package jetstream

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

func TestFindCreatesWhatIsMissing(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	inputs := []Input{requests("requests.>"), outcomes("outcomes.>")}
	logs, err := Find(deadline(t), nc, inputs)
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) != 2 || logs[0].Stream != "requests" || logs[1].Stream != "outcomes" {
		t.Fatalf("got %+v", logs)
	}
	for i, log := range logs {
		if !log.New || log.Filtered || len(log.Warnings) > 0 || log.Created == 0 || !log.Has(inputs[i].Kind) || log.Has(inputs[1-i].Kind) {
			t.Fatalf("got %+v", log)
		}
		config := stream(t, nc, log.Stream).CachedInfo().Config
		if !config.DenyDelete || !config.DenyPurge || config.Storage != jetstream.FileStorage || config.Retention != jetstream.LimitsPolicy {
			t.Fatalf("created with %+v", config)
		}
	}
	again, err := Find(deadline(t), nc, []Input{
		{Kind: events.KindRequest, Subject: "requests.>"}, {Kind: events.KindOutcome, Subject: "outcomes.>"},
	})
	if err != nil || again[0].New || again[1].New || again[0].Created != logs[0].Created || again[1].Created != logs[1].Created {
		t.Fatalf("found %+v, %v", again, err)
	}
}

func TestFindCreatesOneStreamForTwoInputs(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	in, out := requests("a.req"), outcomes("a.out")
	in.Stream, out.Stream = "both", "both"
	log := find(t, nc, in, out)
	if log.Stream != "both" || log.Filtered || len(log.Inputs) != 2 || !log.Has(events.KindRequest) || !log.Has(events.KindOutcome) {
		t.Fatalf("got %+v", log)
	}
}

func TestFindTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{Name: "one", Subjects: []string{"many.1"}})
	loose(t, nc, jetstream.StreamConfig{Name: "two", Subjects: []string{"many.2"}})
	loose(t, nc, jetstream.StreamConfig{Name: "queue", Subjects: []string{"queue"}, Retention: jetstream.WorkQueuePolicy})
	loose(t, nc, jetstream.StreamConfig{Name: "taken", Subjects: []string{"something"}})
	missing := Input{Subject: "nowhere.>"}
	for name, c := range map[string]struct {
		inputs []Input
		says   []string
	}{
		"no stream":      {[]Input{missing}, []string{`"nowhere.>"`, "create: true"}},
		"spread":         {[]Input{requests("many.*")}, []string{`"many.*"`, "one, two", "name those"}},
		"overlap":        {[]Input{requests("a.>"), outcomes("a.b")}, []string{`"a.>"`, `"a.b"`, "overlap"}},
		"malformed":      {[]Input{requests("a..b")}, []string{`"a..b"`, "dot"}},
		"queue":          {[]Input{requests("queue")}, []string{`"queue"`, "retention"}},
		"name taken":     {[]Input{requests("taken")}, []string{`"taken"`, "does not hold"}},
		"not in stream":  {[]Input{{Subject: "x", Stream: "taken"}}, []string{`"taken"`, `"x"`, "does not hold"}},
		"named, missing": {[]Input{{Subject: "x", Stream: "nope"}}, []string{`there is no stream "nope"`, `"x"`, "create: true"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Find(deadline(t), nc, c.inputs)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestFindWarnsOfWhatLosesMessages(t *testing.T) {
	t.Parallel()
	nc := inProcess(t)
	loose(t, nc, jetstream.StreamConfig{
		Name: "risky", Subjects: []string{"risky"}, Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 5, AllowRollup: true, AllowMsgTTL: true,
	})
	if log := find(t, nc, requests("risky")); len(log.Warnings) != 6 {
		t.Fatalf("got %q", log.Warnings)
	}
}

func TestFilteredSaysWhetherOthersMayBeInTheStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config   jetstream.StreamConfig
		subjects []string
		want     bool
	}{
		"the same":    {jetstream.StreamConfig{Subjects: []string{"a.>"}}, []string{"a.>"}, false},
		"narrower":    {jetstream.StreamConfig{Subjects: []string{"a.>"}}, []string{"a.b"}, true},
		"wider":       {jetstream.StreamConfig{Subjects: []string{"a.b"}}, []string{"a.>"}, false},
		"both":        {jetstream.StreamConfig{Subjects: []string{"a", "b"}}, []string{"a", "b"}, false},
		"one of two":  {jetstream.StreamConfig{Subjects: []string{"a", "b"}}, []string{"a"}, true},
		"sources":     {jetstream.StreamConfig{Subjects: []string{"a"}, Sources: []*jetstream.StreamSource{{}}}, []string{"a"}, true},
		"mirror":      {jetstream.StreamConfig{Mirror: &jetstream.StreamSource{}}, []string{"a"}, true},
		"all of it":   {jetstream.StreamConfig{Mirror: &jetstream.StreamSource{}}, []string{">"}, false},
		"transformed": {jetstream.StreamConfig{Subjects: []string{"a"}, SubjectTransform: &jetstream.SubjectTransformConfig{}}, []string{"a"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := filtered(&c.config, c.subjects); got != c.want {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
}
