package systemtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

var (
	stormsFlag    = flag.Int("storms", 15, "how many things TestBinary/Storm lets go wrong, one after the other, and TestBinary/ClusterStorm a third of that; 1000 take half an hour")
	stormSeedFlag = flag.Uint64("stormseed", 0, "what to publish, and what to let go wrong; 0 draws one")
)

// stormColumns are all columns of the rows, and so all that is compared.
var stormColumns = []string{
	"request_id", "item_id", "revision", "reason", "clicked", "clicked_ts", "bought", "bought_ts", "request_ts",
	"model", "user_id", "position", "score", "n", "late", "item_price", "weight",
}

// testStorm lets a joiner and its server run into everything that operation brings:
// they are killed, stopped for a while and told to end; the joiner's user is taken its rights; the
// state is deleted, the output restored from a copy, the configuration changed, a second process started.
// In the end every row is, in every column, what a replay makes of the same log, and
// so is what a consumer of the label stream knows. For more of it:
//
//	go test ./cmd/labeljoin/systemtest -run TestBinary/Storm -storms 1000 -timeout 2h -v
func testStorm(t *testing.T, b *rig) { storm(t, b, 1) }

// testClusterStorm is testStorm with three servers, of which some are killed or
// stopped, or lose the lead. The producer sends the same bytes again until they are
// acknowledged, with the same id.
func testClusterStorm(t *testing.T, b *rig) {
	if testing.Short() {
		t.Skip("three servers elect leaders")
	}
	storm(t, b, 3)
}

// weather is a storm: what runs, and what it was set up with.
type weather struct {
	*rig
	rand    *rand.Rand
	servers []*stormServer
	f       *traffic
	config  string
	early   bool
	one     bool // one stream carries both kinds, so that they are always met in one order
	lag     int  // milliseconds of lateness
	merge   bool
	joiner  *child       // nil: it is down
	saved   bool         // there is a copy of state and output
	acked   atomic.Int64 // messages published
	did     map[string]int
}

func storm(t *testing.T, b *rig, servers int) {
	seed := *stormSeedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-stormseed %d", seed)
	s := &weather{rig: b, rand: crashRand(seed, 21), servers: newStormServers(t, servers), lag: 200, did: map[string]int{}}
	s.early, s.merge, s.one = s.rand.IntN(2) == 0, s.rand.IntN(2) == 0, s.rand.IntN(2) == 0
	for _, server := range s.servers {
		server.start()
	}
	s.prepare(seed)
	ctx, quiet := context.WithCancel(t.Context())
	published := make(chan error, 1)
	go func() { published <- s.f.run(ctx, steady(100)) }()
	for range (*stormsFlag + servers - 1) / servers {
		select {
		case err := <-published:
			t.Fatalf("publishing ended: %v", err)
		default:
		}
		s.up()
		time.Sleep(time.Duration(50+s.rand.IntN(550)) * time.Millisecond)
		s.happen()
		s.flows()
	}
	for _, server := range s.servers {
		server.start()
	}
	quiet()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	s.calm()
	s.check()
	t.Logf("%d requests, %d outcomes, %d commits; %v", s.f.read[0], s.f.read[1], len(s.manifests()), s.did)
}

// prepare makes streams, producer and configuration.
func (s *weather) prepare(seed uint64) {
	nc, err := nats.Connect(urlsOf(s.servers), nats.UserInfo(stormFeed, stormPassword), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, config := range s.streams() {
		config.Replicas, config.DenyDelete, config.DenyPurge = len(s.servers), true, true
		s.insist("creating a stream", func(ctx context.Context) error {
			_, err := js.CreateOrUpdateStream(ctx, config)
			return err
		})
	}
	s.f = &traffic{t: s.t, js: js, rand: crashRand(seed, 7), copies: true}
	sent := 0
	s.f.send = func(kind events.Kind, data string) error {
		sent++
		id := jetstream.WithMsgID(strconv.Itoa(sent))
		err := insist(s.t.Context(), func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := js.Publish(ctx, trafficSubjects[kind], []byte(data), id)
			return err
		})
		s.acked.Add(1)
		return err
	}
	s.configure()
}

// streams are one or two of events, and that of labels.
func (s *weather) streams() []jetstream.StreamConfig {
	labels := jetstream.StreamConfig{Name: "labels", Subjects: []string{"labels.>"}}
	if s.one {
		return []jetstream.StreamConfig{{Name: "events", Subjects: []string{"requests.>", "outcomes.>"}}, labels}
	}
	return []jetstream.StreamConfig{
		{Name: "requests", Subjects: []string{"requests.>"}}, {Name: "outcomes", Subjects: []string{"outcomes.>"}}, labels,
	}
}

// insist does something until it works.
func (s *weather) insist(what string, do func(context.Context) error) {
	s.t.Helper()
	if err := insist(s.t.Context(), do); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// configure writes the configuration as it is now.
func (s *weather) configure() {
	s.t.Helper()
	password := s.path("password")
	if err := os.WriteFile(password, []byte(stormPassword), 0o600); err != nil {
		s.t.Fatal(err)
	}
	text := fmt.Sprintf(`name: feed
nats: {url: %q, user: %s, password_file: %q}
http: {listen: 127.0.0.1:0}
log: {format: json}
join: {window: 1s, lateness: %dms, corrections: 5m, emit: %s, duplicates: %s}
labels:
  clicked: {when: 'type == "click"'}
  bought:  {when: 'type == "purchase"', window: 500ms}
guard: {enabled: false}
output: {roll: {interval: 100ms}}
publish: {subject: labels.feed}
`, urlsOf(s.servers), stormJoiner, password, s.lag, []string{"close", "early"}[btoi(s.early)], []string{"earliest", "merge"}[btoi(s.merge)])
	s.config = s.path("labeljoin.yaml")
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// up starts the joiner, if it is down. One that ended by itself must have done so
// because the server was away: another code means that a person is asked for.
func (s *weather) up() {
	s.t.Helper()
	if s.joiner != nil {
		select {
		case <-s.joiner.done:
			if code := s.joiner.code(); code != terminal.ExitFailed {
				s.t.Fatalf("the joiner ended by itself with %d:\n%s", code, s.joiner.log.tail(4000))
			}
			s.did["ended for want of a server"]++
			s.joiner = nil
		default:
			return
		}
	}
	s.joiner = s.start("run", "--config", s.config)
}

// down kills the joiner.
func (s *weather) down() {
	s.t.Helper()
	if s.joiner != nil {
		s.joiner.kill()
		s.joiner = nil
	}
}

// happen lets one thing go wrong.
func (s *weather) happen() {
	s.t.Helper()
	things := []struct {
		name string
		do   func()
	}{
		{"joiner killed", s.down}, {"joiner killed", s.down}, {"joiner killed", s.down},
		{"joiner told to end", s.told},
		{"joiner stopped for a while", s.paused},
		{"server killed", func() { s.serverEnds(syscall.SIGKILL) }}, {"server killed", func() { s.serverEnds(syscall.SIGKILL) }},
		{"server told to end", func() { s.serverEnds(syscall.SIGTERM) }},
		{"server stopped for a while", s.serverPaused},
		{"right taken", s.denied}, {"right taken", s.denied},
		{"state deleted", s.stateDeleted},
		{"copied", s.copied}, {"restored", s.restored},
		{"configuration changed", s.reconfigured},
		{"second process", s.second}, {"questions", s.asked},
	}
	if len(s.servers) > 1 {
		things = append(things, struct {
			name string
			do   func()
		}{"leader steps down", s.leaderStepsDown}, things[5], things[8])
	}
	thing := things[s.rand.IntN(len(things))]
	s.did[thing.name]++
	thing.do()
}

// flows waits until events come again: a cluster without a leader takes none, and one
// that never has a leader would try nothing.
func (s *weather) flows() {
	s.t.Helper()
	before, deadline := s.acked.Load(), time.Now().Add(giveUpAfter)
	for s.acked.Load() < before+20 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if s.acked.Load() < before+20 {
		s.t.Fatal("nothing is published any more")
	}
}

// told lets the joiner end cleanly.
func (s *weather) told() {
	s.t.Helper()
	if !strings.Contains(s.joiner.log.text(), "metrics") {
		s.down() // it is still about to begin
		return
	}
	if err := s.joiner.signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := s.joiner.code(); code != 0 && code != terminal.ExitFailed {
		s.t.Fatalf("told to end, it ends with %d:\n%s", code, s.joiner.log.tail(4000))
	} else if code == terminal.ExitFailed && len(s.servers) == 1 {
		s.t.Errorf("told to end with its server there, it ends with %d:\n%s", code, s.joiner.log.tail(4000))
	}
	s.joiner = nil
}

// paused stops the joiner without ending it.
func (s *weather) paused() {
	s.t.Helper()
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := s.joiner.signal(sig); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(time.Duration(s.rand.IntN(1500)) * time.Millisecond)
	}
}

func (s *weather) server() *stormServer { return s.servers[s.rand.IntN(len(s.servers))] }

// serverEnds ends a server, or two of three, and starts it again after a while.
func (s *weather) serverEnds(sig syscall.Signal) {
	n := 1 + s.rand.IntN(2)*btoi(len(s.servers) > 1)
	for range n {
		s.server().end(sig)
	}
	time.Sleep(time.Duration(s.rand.IntN(1000)) * time.Millisecond)
	for _, server := range s.servers {
		server.start()
	}
}

func (s *weather) serverPaused() {
	server := s.server()
	server.signal(syscall.SIGSTOP)
	time.Sleep(time.Duration(s.rand.IntN(3000)) * time.Millisecond)
	server.signal(syscall.SIGCONT)
}

// denied takes the joiner's user a right for a while, in which the joiner may have to start anew. Once
// the right is given back, a joiner that runs reads on by itself.
func (s *weather) denied() {
	s.t.Helper()
	d := denials[s.rand.IntN(len(denials))]
	s.did[fmt.Sprintf("denied%+v", d)]++
	for _, server := range s.servers {
		server.deny(d)
	}
	time.Sleep(time.Duration(s.rand.IntN(3000)) * time.Millisecond)
	if s.rand.IntN(2) == 0 {
		s.down()
		s.up()
		time.Sleep(time.Duration(s.rand.IntN(3000)) * time.Millisecond)
	}
	for _, server := range s.servers {
		server.deny(denial{})
	}
	s.up()
	published := s.acked.Load()
	s.joiner.until("it reads on", func() bool {
		now, ok := s.joiner.status()
		return ok && now.Events["request"].Read+now.Events["outcome"].Read >= published
	})
}

func (s *weather) leaderStepsDown() {
	streams := s.streams()
	stream := streams[s.rand.IntN(len(streams))].Name
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
	defer cancel()
	// Whether it does is the cluster's matter: there may be no leader just now.
	_, _ = s.f.js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil)
}

func (s *weather) stateDeleted() {
	s.t.Helper()
	s.down()
	s.remove("state")
}

func (s *weather) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// copied makes a copy of state and output, as a backup of a stopped joiner.
func (s *weather) copied() {
	s.t.Helper()
	s.down()
	s.remove("backup")
	if err := os.Mkdir(s.path("backup"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.copy("state", "backup/state")
	s.copy("labeled", "backup/labeled")
	s.saved = true
}

func (s *weather) copy(from, to string) {
	s.t.Helper()
	if _, err := os.Stat(s.path(from)); os.IsNotExist(err) {
		return // the joiner was killed before it made it
	}
	if out, err := exec.Command("cp", "-a", s.path(from), s.path(to)).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// restored puts the copy of the output back, with its state or with none.
func (s *weather) restored() {
	s.t.Helper()
	if s.down(); !s.saved {
		return
	}
	s.remove("labeled")
	s.remove("state")
	s.copy("backup/labeled", "labeled")
	if s.rand.IntN(2) == 0 {
		s.copy("backup/state", "state")
	}
}

// reconfigured changes what changes no row, and makes the state be made anew.
func (s *weather) reconfigured() {
	s.t.Helper()
	s.down()
	if s.rand.IntN(2) == 0 {
		s.lag = 200 + s.rand.IntN(100)
	} else {
		s.early = !s.early
	}
	s.configure()
}

// second starts another process beside the joiner, which must not get anywhere.
func (s *weather) second() {
	s.t.Helper()
	if !strings.Contains(s.joiner.log.text(), `"joining"`) {
		return // which of the two is the second one is not known
	}
	if code := s.start("run", "--config", s.config).code(); code == 0 {
		s.t.Error("a second process joins beside the first")
	}
}

// asked asks beside the joiner.
func (s *weather) asked() {
	s.t.Helper()
	s.output("status", "--config", s.config)
	s.output("explain", "--config", s.config, fmt.Sprintf("r%06d", s.rand.IntN(1000)))
	if len(s.manifests()) == 0 {
		return
	}
	if out, code := s.output("verify", "--config", s.config); code != 0 {
		s.t.Errorf("verify says %d: %s", code, out)
	}
}

// calm lets the joiner come to the end of its logs, and end.
func (s *weather) calm() {
	s.t.Helper()
	s.down()
	s.joiner = s.start("run", "--config", s.config)
	s.joiner.until("all is read and all requests are closed", func() bool {
		now, ok := s.joiner.status()
		request, outcome := now.Events["request"], now.Events["outcome"]
		return ok && now.Joining && request.Read == s.f.read[0] && outcome.Read == s.f.read[1] && request.Pending == 0
	})
	s.joiner.stop()
}

// check holds rows, books and label stream against a replay of the same log.
func (s *weather) check() {
	s.t.Helper()
	s.replay(s.f, s.config)
	// With two streams a crash may have events met in another order afterwards, in which
	// an item was never positive that had been published as such: if it has no row, nothing
	// takes that back.
	live, replayed := s.latest("labeled"), s.latest("replayed")
	if len(replayed) == 0 {
		s.t.Error("the replay has no rows")
	}
	bad := 0
	differ := func(format string, args ...any) {
		if bad++; bad <= 10 {
			s.t.Errorf(format, args...)
			s.history(args[0])
		}
	}
	for key, want := range replayed {
		if got, ok := live[key]; !ok || !slices.Equal(got, want) {
			differ("%s: live %q, by replay %q", key, got, want)
		}
	}
	for key, got := range live {
		if _, ok := replayed[key]; !ok {
			differ("%s: live %q, and the replay has no such row", key, got)
		}
	}
	for at, value := range s.known() {
		row, ok := live[at.row]
		switch {
		case !ok && s.one && value != "" && value != "0":
			differ("%s: %s is %s on the label stream, and there is no row", at.row, at.label, value)
		case ok && row[slices.Index(stormColumns, at.label)] != value:
			differ("%s: %s is %q on the label stream, the row is %q", at.row, at.label, value, row)
		}
	}
	if s.f.garbage > 0 {
		if letters := s.deadLetters(); int64(len(letters)) != s.f.garbage {
			s.t.Errorf("%d dead letters, want %d", len(letters), s.f.garbage)
		}
	}
	if out, code := s.output("verify", "--config", s.config, "--deep"); code != 0 {
		s.t.Errorf("verify --deep says %d: %s", code, out)
	}
}

// history logs what the streams have of a row's request, in their order.
func (s *weather) history(row any) {
	s.t.Helper()
	key, _ := row.(string)
	id, _, _ := strings.Cut(key, "/")
	for _, kind := range []string{"requests", "outcomes", "labels"} {
		path := s.path(kind + ".jsonl")
		s.f.dump(kind, path)
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			if n++; strings.Contains(line, strconv.Quote(id)) {
				s.t.Logf("%s, message %d: %s", kind, n, line)
			}
		}
	}
}

// latest are the highest revisions, without those that were withdrawn, and without
// what says how a row came to be.
func (s *weather) latest(dir string) map[string][]string {
	s.t.Helper()
	rows := map[string][]string{}
	for key, all := range s.revisions(dir, stormColumns) {
		row := slices.Clone(all[len(all)-1])
		if row[3] == joiner.ReasonWithdrawn.String() {
			continue
		}
		row[2], row[3] = "", ""
		for i := range row {
			if row[i] == "<null>" {
				row[i] = ""
			}
		}
		rows[strings.ReplaceAll(key, "<null>", "")] = row
	}
	return rows
}

// spot is a label of a row.
type spot struct{ row, label string }

// known is what a consumer of the label stream knows in the end, as rows spell it:
// in order of arrival.
func (s *weather) known() map[spot]string {
	s.t.Helper()
	s.f.dump("labels", s.path("labels.jsonl"))
	text, err := os.ReadFile(s.path("labels.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	known := map[spot]string{}
	for line := range strings.Lines(string(text)) {
		var m struct {
			RequestID string `json:"request_id"`
			ItemID    string `json:"item_id"`
			Labels    map[string]struct{ Value *float64 }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		for label, v := range m.Labels {
			at := spot{m.RequestID + "/" + m.ItemID, label}
			known[at] = ""
			if v.Value != nil {
				known[at] = strconv.FormatFloat(*v.Value, 'f', -1, 64)
			}
		}
	}
	return known
}
