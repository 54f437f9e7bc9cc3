package state_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/state"
)

// checkpointNames are the names in the JSON of a checkpoint, as states that exist have them. A name that leaves makes
// old states lose what it held; one that comes needs a zero value that old states may have.
const checkpointNames = `
	.Anew .Committed .DeadLetters .Forgotten .Format .From .From.created .From.input .From.mark .From.mark.bytes
	.From.mark.seq .From.mark.stored .From.mark.sum .From.next .From.skip .Gaps .MaxEvent .Orphaned .Pending
	.Pending.DeadLetters .Pending.Forgotten .Pending.Known .Pending.Nonce .Pending.Number .Pending.Orphaned
	.Pending.Through .Pending.Unwritten .Progress .Progress.Announced .Progress.Clock .Progress.Clock.Proven
	.Progress.Clock.Seen .Progress.Clock.Sources .Progress.Clock.Sources.Kinds .Progress.Clock.Sources.Name
	.Progress.Clock.Sources.Proven .Progress.Clock.Sources.Seen .Progress.ClosedThrough .Progress.Commit
	.Progress.Guard .Progress.Guard.Active .Progress.Guard.Beat .Progress.Guard.Beaten .Progress.Guard.Filling
	.Progress.Windows.Announced .Progress.Windows.Through .Progress.Windows.Window .RulesHash .Unwritten
	.Staged .Pending.Staged .Orphans .Orphans.Alone .Orphans.Keyless .Orphans.Late .Orphans.Producer .Orphans.Stream
	.Pending.Orphans`

// TestNamesOfTheCheckpoint: a field may be renamed in Go, and keeps its name in the state.
func TestNamesOfTheCheckpoint(t *testing.T) {
	c := state.Checkpoint{
		Pending: &state.PendingCut{Staged: []events.Time{1}, Orphans: joiner.Orphans{{}}}, Orphans: joiner.Orphans{{}}, Staged: []events.Time{1}, From: []events.Position{{Created: 1,
			Skip: 1, Mark: events.Mark{Seq: 1}}}, Anew: 1,
		Progress: joiner.Progress{
			Clock:   joiner.Clock{Sources: []joiner.SourceClock{{}}},
			Windows: []joiner.WindowProgress{{}},
		},
	}
	text, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	collect(names, "", object)
	for _, name := range strings.Fields(checkpointNames) {
		if !names[name] {
			t.Errorf("the JSON of a checkpoint has no %s", name)
		}
	}
	for name := range names {
		top := strings.Count(name, ".") == 1
		if top && !slices.Contains(strings.Fields(checkpointNames), name) && name != ".Receipt" {
			t.Errorf("the JSON of a checkpoint has %s, which no state had so far: add it here", name)
		}
	}
	var back state.Checkpoint
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("read back it is %+v, %v; want %+v", back, err, c)
	}
}

// collect adds the paths of all members of an object.
func collect(names map[string]bool, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			names[path+"."+name] = true
			collect(names, path+"."+name, member)
		}
	case []any:
		for _, element := range v {
			collect(names, path, element)
		}
	}
}
