package jetstream

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestAStreamThatIsListedByItsNameTakesNothing: a server of a cluster lists a mirror by its name
// where the name looks like the subject. The answers are those of such a server.
func TestAStreamThatIsListedByItsNameTakesNothing(t *testing.T) {
	t.Parallel()
	nc := dial(t, ConnOptions{URL: guarded(t, func(*server.Options) {}).ClientURL()})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	info := func(config string) string {
		return strings.Replace(infoJSON(time.Unix(500, 0).UTC(), 5, time.Unix(1000, 0)), `{"name":"log"}`, config, 1)
	}
	const names = `{"total":2,"offset":0,"limit":1024,"streams":["log","requests"]}`
	for name, c := range map[string]struct {
		subject, other string
		asks, spread   bool
	}{
		"a mirror":                 {"requests", `{"name":"requests","mirror":{"name":"log"}}`, true, false},
		"sources, and all is read": {">", `{"name":"requests","sources":[{"name":"log"}]}`, true, false},
		"one part is read":         {"*", `{"name":"requests","mirror":{"name":"log"}}`, true, false},
		"subjects beside":          {"requests", `{"name":"requests","subjects":["in"]}`, true, false},
		"the subject":              {"requests", `{"name":"requests","subjects":["in","requests"]}`, true, true},
		"the subject by its name":  {"requests", `{"name":"requests"}`, true, true},
		"no name like the subject": {"requests.*", `{"name":"requests","subjects":["requests.a"]}`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			defer answering(t, nc, map[string][]string{
				"$JS.API.STREAM.NAMES":         {names, names},
				"$JS.API.STREAM.INFO.requests": {info(c.other), info(c.other)},
				"$JS.API.STREAM.INFO.log":      {info(`{"name":"log","subjects":[">"]}`), info(`{"name":"log","subjects":[">"]}`)},
			}, &asked)()
			in := requests(c.subject)
			in.Stream = ""
			other, err := elsewhere(deadline(t), js, &Log{Stream: "log", Inputs: []Input{in}})
			if err != nil || (other != "") != c.spread {
				t.Errorf("elsewhere is %q, %v", other, err)
			}
			want := []string{"$JS.API.STREAM.NAMES"}
			if c.asks {
				want = append(want, "$JS.API.STREAM.INFO.requests")
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked %q, want %q", asked, want)
			}
			found, err := locate(deadline(t), js, c.subject, "")
			if c.spread && err == nil || !c.spread && (err != nil || found.Config.Name != "log") {
				t.Errorf("located %+v, %v", found, err)
			}
		})
	}
}

// TestSubjectsAreAskedSideBySide: the answers come only when several questions have. Each subject is
// asked once, whatever number of inputs has it, and an input that names its stream is not.
func TestSubjectsAreAskedSideBySide(t *testing.T) {
	t.Parallel()
	nc := dial(t, ConnOptions{URL: guarded(t, func(*server.Options) {}).ClientURL()})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	const subjects, together = 40, 8
	var count atomic.Int64
	var waiting []*nats.Msg
	sub, err := nc.Subscribe("$JS.API.STREAM.NAMES", func(m *nats.Msg) {
		count.Add(1)
		if waiting = append(waiting, m); len(waiting) < together {
			return
		}
		for _, m := range waiting {
			_ = m.Respond([]byte(namesJSON))
		}
		waiting = nil
	})
	if err != nil {
		t.Fatal(err)
	}
	log := Log{Stream: "log", Inputs: []Input{{Subject: "named", Stream: "log"}}}
	for i := range subjects {
		in := Input{Subject: fmt.Sprintf("log.%d", i)}
		log.Inputs = append(log.Inputs, in, in)
	}
	other, err := elsewhere(deadline(t), js, &log)
	if err != nil || other != "" {
		t.Fatalf("elsewhere is %q, %v", other, err)
	}
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	if n := count.Load(); n != subjects {
		t.Errorf("asked %d times, want %d", n, subjects)
	}
}
