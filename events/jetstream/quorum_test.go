package jetstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// replicas are those of which the leader heard so long ago; 0: never.
func replicas(active ...time.Duration) *jetstream.ClusterInfo {
	c := &jetstream.ClusterInfo{}
	for _, a := range active {
		c.Replicas = append(c.Replicas, &jetstream.PeerInfo{Active: a})
	}
	return c
}

func TestALeaderProvesWhatItsMajorityBearsOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cluster *jetstream.ClusterInfo
		since   time.Duration
	}{
		{"no cluster", nil, 0},
		{"one replica", replicas(), 0},
		{"two, both needed", replicas(7 * time.Second), 7 * time.Second},
		{"three, of which one is away", replicas(time.Hour, time.Second), time.Second},
		{"three, and the leader is alone", replicas(9*time.Second, 8*time.Second), 8 * time.Second},
		{"three, of which one was never heard", replicas(0, 2*time.Second), 2 * time.Second},
		{"three, and none was heard", replicas(0, 0), neverHeard},
		{"four, of which two besides the leader are needed", replicas(3*time.Second, 1*time.Second, 2*time.Second), 2 * time.Second},
		{"five, of which two are away", replicas(time.Hour, 2*time.Second, time.Hour, time.Second), 2 * time.Second},
		{"five, of which three are away", replicas(time.Hour, 0, 5*time.Second, time.Second), 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := sinceMajority(c.cluster); got != c.since {
				t.Fatalf("got %v, want %v", got, c.since)
			}
		})
	}
}

func TestAReplicatedStreamIsProvenALittleLater(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	for apart, want := range map[time.Duration]events.Time{
		0:               events.At(at).Add(-replicaDelay),
		9 * time.Second: events.At(at).Add(-replicaDelay - 9*time.Second),
		neverHeard:      events.MinTime,
	} {
		t.Run(fmt.Sprint(apart), func(t *testing.T) {
			t.Parallel()
			p := newProver(Options{}.withDefaults())
			info := &jetstream.StreamInfo{TimeStamp: at, Cluster: replicas(time.Second)}
			p.accept(answer{info: info, apart: apart}, false, events.Hold{})
			if got, ok := p.proven(0); !ok || got != want {
				t.Fatalf("got %s, %v", got, ok)
			}
		})
	}
}

// TestEitherAnswerMayBeOfALeaderThatIsCutOff: the first tells the time, the second
// the end, and different servers may give them.
func TestEitherAnswerMayBeOfALeaderThatIsCutOff(t *testing.T) {
	t.Parallel()
	nc := dial(t, ConnOptions{URL: guarded(t, func(*server.Options) {}).ClientURL()})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	info := func(seconds int) string {
		cluster := fmt.Sprintf(`"cluster":{"replicas":[{"name":"b","active":%d},{"name":"c","active":%d}]},`,
			time.Duration(seconds)*time.Second, time.Hour)
		return strings.Replace(infoJSON(time.Unix(500, 0).UTC(), 5, time.Unix(1000, 0)), "{", "{"+cluster, 1)
	}
	for _, c := range []struct{ first, second, want int }{{1, 1, 1}, {8, 1, 8}, {1, 8, 8}} {
		t.Run(fmt.Sprint(c.first, " and ", c.second), func(t *testing.T) {
			var asked []string
			defer answering(t, nc, map[string][]string{
				"$JS.API.STREAM.INFO.log": {info(c.first), info(c.second)}, "$JS.API.STREAM.NAMES": {namesJSON},
			}, &asked)()
			a := answer{received: 5, passed: 5}
			log := Log{Stream: "log", Inputs: []Input{requests("log")}}
			if err := a.fill(deadline(t), js, &log, func() time.Duration { return time.Hour }); err != nil {
				t.Fatal(err)
			}
			if want := time.Duration(c.want) * time.Second; a.apart != want {
				t.Fatalf("got %v, want %v", a.apart, want)
			}
		})
	}
}

// TestALeaderThatIsCutOffHasLostNothing: it lacks what another one has stored since.
func TestALeaderThatIsCutOffHasLostNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cluster *jetstream.ClusterInfo
		lost    bool
	}{
		{"no cluster", nil, true},
		{"in touch", replicas(2*time.Second, time.Hour), true},
		{"cut off", replicas(4*time.Second, 5*time.Second), false},
		{"just elected", replicas(0, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			elapsed := time.Hour
			s := &Source{in: Log{Stream: "log"}, opts: Options{Elapsed: func() time.Duration { return elapsed }}.withDefaults()}
			s.created = events.At(time.Unix(500, 0))
			info := &jetstream.StreamInfo{Created: time.Unix(500, 0), State: jetstream.StreamState{FirstSeq: 1, LastSeq: 20}, Cluster: c.cluster}
			for range 2 { // a leader that was just elected may not have it yet, and what is right meanwhile begins anew
				for _, after := range []time.Duration{0, 9 * time.Second} {
					elapsed += after
					if fault, ok := errors.AsType[*LogError](s.compare(info, 22, false)); ok != (c.cluster == nil) {
						t.Fatalf("after %v: %v", after, fault)
					}
				}
				if err := s.compare(info, 21, false); err != nil {
					t.Fatalf("nothing is lacking, and it says %v", err)
				}
			}
			_ = s.compare(info, 22, false)
			elapsed += 10 * time.Second
			err := s.compare(info, 22, false)
			if fault, ok := errors.AsType[*LogError](err); err == nil || ok != c.lost || ok && fault.Fault != FaultRewound {
				t.Fatalf("got %v", err)
			}
			if err := s.compare(info, 21, false); err != nil {
				t.Fatalf("nothing is lacking, and it says %v", err)
			}
		})
	}
}
