package jetstream

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A leader that is cut off from the other replicas takes itself for the leader for
// up to twenty seconds more, and answers. The others elect a leader of their own
// after four to nine seconds, and what that one stores the first one does not see.
// So its silence proves nothing from then on.
//
// But an election needs a majority, and so does a leader. A replica that a leader has
// heard had not voted for another one by then. So until the moment at which it had
// heard a majority, itself included, no other was elected, and nothing was stored
// elsewhere. The server tells how long ago it heard each replica; one that follows
// answers every second or two. A proof is put back by that.

// neverHeard is that a leader has not heard a majority since it is the leader.
const neverHeard = time.Duration(math.MaxInt64)

// sinceMajority is how long before an answer its leader had heard a majority of the
// replicas. A stream that is not replicated has no other leader.
func sinceMajority(c *jetstream.ClusterInfo) time.Duration {
	if c == nil || len(c.Replicas) == 0 {
		return 0
	}
	since := make([]time.Duration, 0, len(c.Replicas))
	for _, r := range c.Replicas {
		if r.Active <= 0 { // the server has no time for it
			since = append(since, neverHeard)
			continue
		}
		since = append(since, r.Active)
	}
	slices.Sort(since)
	others := (len(since) + 1) / 2 // that make a majority with the leader
	return since[others-1]
}

// laggard is a leader that lacks the newest messages that were read.
type laggard struct {
	lacking bool
	since   time.Duration // elapsed
}

// lags is the error of an answer of a replicated stream that ends before what was read, until that is so for a while:
// a leader that was just elected may still have to apply what a majority has.
func (l *laggard) lags(info *jetstream.StreamInfo, ends bool, elapsed time.Duration) error {
	const applied = 10 * time.Second
	switch {
	case !ends || info.Cluster == nil || len(info.Cluster.Replicas) == 0:
		*l = laggard{}
		return nil
	case !l.lacking:
		*l = laggard{lacking: true, since: elapsed}
	case elapsed-l.since >= applied:
		return nil
	}
	return fmt.Errorf("server %q, which answers for stream %q, does not have the newest messages that were read yet: it has them up to %d",
		info.Cluster.Leader, info.Config.Name, info.State.LastSeq)
}

// cutOff is the error of an answer that may be of a leader that is cut off: it lacks
// what another leader has stored since, and that is nothing that the stream has lost.
// A replica that follows is heard every second or two, and an election begins four
// seconds after the leader was last heard.
func cutOff(info *jetstream.StreamInfo) error {
	const inTouch = 3 * time.Second
	switch since := sinceMajority(info.Cluster); {
	case since == neverHeard:
		return fmt.Errorf("server %q, which answers for stream %q, has not heard a majority of its replicas yet", info.Cluster.Leader, info.Config.Name)
	case since > inTouch:
		return fmt.Errorf("server %q, which answers for stream %q, has not heard a majority of its replicas for %v: it is cut off, and another may lead",
			info.Cluster.Leader, info.Config.Name, since.Round(time.Second))
	}
	return nil
}
