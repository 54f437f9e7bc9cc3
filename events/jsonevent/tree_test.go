package jsonevent_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// agree fails a test if a Tree reads a record otherwise than Decoder.Record.
func agree(t *testing.T, tree *jsonevent.Tree, d *jsonevent.Decoder, raw []byte) (read bool) {
	t.Helper()
	root := tree.Read(d, raw)
	if root == nil {
		return false // Record says why, or reads it
	}
	want, reject := d.Record(raw)
	if reject != nil {
		t.Fatalf("%q is read, and is rejected: %v", raw, reject)
	}
	if got := root.Plain(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is read as %#v, want %#v", raw, got, want)
	}
	inOrder(t, root, want)
	return true
}

// inOrder checks members, one by one and by their names.
func inOrder(t *testing.T, n *jsonevent.Node, want any) {
	t.Helper()
	count, before := 0, []byte(nil)
	for m := n.First(); m != nil; m = m.Next() {
		if n.Kind() == jsonevent.NodeObject {
			if count > 0 && bytes.Compare(before, m.Name()) >= 0 {
				t.Fatalf("%q stands before %q", before, m.Name())
			}
			before = m.Name()
			if n.Member(jsonevent.NodeNameOf(string(before))) != m {
				t.Fatalf("%q is not found", before)
			}
			inOrder(t, m, want.(map[string]any)[string(before)])
		} else {
			inOrder(t, m, want.([]any)[count])
		}
		count++
	}
	if count != n.Len() {
		t.Fatalf("%d members or elements are found of %d", count, n.Len())
	}
}

// TestTreeAgrees holds the trees of records against Decoder.Record.
func TestTreeAgrees(t *testing.T) {
	read := 0
	for _, d := range options() {
		tree := new(jsonevent.Tree)
		for _, raw := range goodInputs() {
			if agree(t, tree, &d, []byte(raw)) {
				read++
			}
		}
		for _, inputs := range badInputs() {
			for _, raw := range inputs {
				agree(t, tree, &d, []byte(raw))
			}
		}
	}
	if read < len(goodInputs())/2 {
		t.Errorf("only %d records were read", read)
	}
	for _, raw := range []string{
		`{"b":1,"a":2,"a-long-name-2":1,"a-long-name-1":2,"a-long-n":0,"":null}`, `[1,-0,0,9223372036854775808,-9223372036854775808,1.50,1e3]`,
		`"x"`, `7`, `{}`, `[]`, ` [ { } , [ ] ] `, `{"é":"ü\n\u00e9"}`,
	} {
		if !agree(t, new(jsonevent.Tree), &jsonevent.Decoder{}, []byte(raw)) {
			t.Errorf("%s is not read", raw)
		}
	}
	for _, raw := range []string{`{"a":1,"a":2}`, `{"long-name-1":1,"b":1,"long-name-1":1}`, `[1,]`, `{"a"}`, `01`,
		`[1.]`, "[\"a\x00\"]", `[NaN]`, `"\ud800"`, `1e999`} {
		if new(jsonevent.Tree).Read(&jsonevent.Decoder{}, []byte(raw)) != nil {
			t.Errorf("%s is read", raw)
		}
	}
}

// TestTreeOfManyMembers: an object of many members is in order too, and two of one name
// are found among them.
func TestTreeOfManyMembers(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var members []string
	for i := range 300 {
		members = append(members, string(rune('a'+r.IntN(26)))+"-feature-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	slices.Sort(members)
	members = slices.Compact(members)
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	text := func(names []string) []byte {
		var b bytes.Buffer
		b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			quoted, _ := json.Marshal(name)
			b.Write(quoted)
			b.WriteString(":1")
		}
		b.WriteByte('}')
		return b.Bytes()
	}
	if !agree(t, new(jsonevent.Tree), &jsonevent.Decoder{}, text(members)) {
		t.Errorf("seed %d: %d members are not read", seed, len(members))
	}
	root := new(jsonevent.Tree).Read(&jsonevent.Decoder{}, text(members))
	for _, none := range []string{"", "a", "zzzzzzzzzzzz", members[0] + "x", members[0][:9]} {
		if m := root.Member(jsonevent.NodeNameOf(none)); m != nil {
			t.Errorf("seed %d: %q is found as %q", seed, none, m.Name())
		}
	}
	if new(jsonevent.Tree).Read(&jsonevent.Decoder{}, text(append(members, members[7]))) != nil {
		t.Errorf("seed %d: a name that is there twice is not found", seed)
	}
}

// TestTreeShortest: what is said to be the shortest number is.
func TestTreeShortest(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	found, tree := 0, new(jsonevent.Tree)
	for range 20_000 {
		raw := randomNumber(r)
		root := tree.Read(&jsonevent.Decoder{}, raw)
		if root == nil || !root.Shortest() {
			continue
		}
		found++
		if shortest, err := json.Marshal(root.Plain()); err != nil || string(shortest) != string(raw) {
			t.Fatalf("seed %d: %s is %s", seed, raw, shortest)
		}
	}
	if found < 1000 {
		t.Errorf("only %d numbers are the shortest", found)
	}
	for raw, want := range map[string]bool{"0.000001": true, "0.0000001": false, "-12.5": true, "1.0": false,
		"0.1234567890123456": false, "12345678901.2345": true, "123456789012.3456": false} {
		t.Run(raw, func(t *testing.T) {
			if root := tree.Read(&jsonevent.Decoder{}, []byte(raw)); root == nil || root.Shortest() != want {
				t.Errorf("%s: want %v", raw, want)
			}
		})
	}
}

// randomNumber is a number with a point, as a rule of few digits.
func randomNumber(r *rand.Rand) []byte {
	var raw []byte
	if r.IntN(4) == 0 {
		raw = append(raw, '-')
	}
	raw = append(raw, byte('0'+r.IntN(10)))
	for raw[len(raw)-1] != '0' && r.IntN(3) > 0 {
		raw = append(raw, byte('0'+r.IntN(10)))
	}
	raw = append(raw, '.')
	for range 1 + r.IntN(8) {
		raw = append(raw, byte('0'+r.IntN(10)))
	}
	return raw
}

// FuzzTreeAgrees holds trees of any bytes against Decoder.Record.
func FuzzTreeAgrees(f *testing.F) {
	for _, raw := range goodInputs() {
		f.Add([]byte(raw))
	}
	for _, inputs := range badInputs() {
		for _, raw := range inputs {
			if len(raw) < 4096 {
				f.Add([]byte(raw))
			}
		}
	}
	tree := new(jsonevent.Tree)
	f.Fuzz(func(t *testing.T, raw []byte) { agree(t, tree, &jsonevent.Decoder{}, raw) })
}
