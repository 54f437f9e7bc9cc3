package packed_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// rooms is a room, and the same memory as another process has it.
func rooms(t *testing.T) (reader, writer *packed.Room) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has such memory; elsewhere rows go through the pipe. CI runs this on Linux")
	}
	if reader = new(packed.Rooms).Take(); reader == nil {
		t.Fatal("there is no room")
	}
	writer, err := packed.OpenRoom(reader.ForWriter())
	if err != nil {
		t.Fatal(err)
	}
	return reader, writer
}

// numbered is a stream of blocks, the n-th of which has the id n in each of its rows. Some are too large for a slot.
func numbered(t *testing.T, out io.Writer, room *packed.Room, blocks int) {
	schema, err := packed.NewSchema([]packed.Field{{Name: "request_id", Kind: packed.KindText}})
	if err != nil {
		t.Error(err)
		return
	}
	w, err := packed.NewWriter(out, schema, room)
	for n := 0; n < blocks && err == nil; n++ {
		rows := 1 + n%500
		if n%50 == 49 {
			rows = 20_000
		}
		c := packed.Column{Levels: rows, Offsets: []uint32{0}}
		for range rows {
			c.Text = fmt.Appendf(c.Text, "id%07d", n)
			c.Offsets = append(c.Offsets, uint32(len(c.Text)))
		}
		_, err = w.Block(rows, []packed.Column{c})
	}
	if err != nil {
		t.Error(err)
	}
}

// whose is the number of a block, if all its rows still have it.
func whose(b *packed.Block, n int) error {
	want := fmt.Sprintf("id%07d", n)
	for row := range b.Rows {
		if id, _ := b.ID(row); string(id) != want {
			return fmt.Errorf("block %d (in a room: %v): row %d has the id %q", n, b.InRoom(), row, id)
		}
	}
	return nil
}

// TestRoomKeepsBlocks: while the writer runs ahead, a block stays as it is until it is released, in whatever order and
// by whichever goroutine that is.
func TestRoomKeepsBlocks(t *testing.T) {
	const blocks, most = 3000, 8
	reader, writer := rooms(t)
	from, to := io.Pipe()
	go func() {
		numbered(t, to, writer, blocks)
		_ = to.Close() // never fails
	}()
	p, err := packed.NewReader(bufio.NewReader(from), reader)
	if err != nil {
		t.Fatal(err)
	}
	g := rand.New(rand.NewPCG(1, 2))
	var releasing sync.WaitGroup
	type taken struct {
		block *packed.Block
		n     int
	}
	var using []taken
	release := func(i int) {
		h := using[i]
		using = append(using[:i], using[i+1:]...)
		releasing.Go(func() {
			if err := whose(h.block, h.n); err != nil {
				t.Error(err)
			}
			h.block.Release()
		})
	}
	inRoom := 0
	for n := range blocks {
		_, b, err := p.Next(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b.InRoom() {
			inRoom++
		}
		if using = append(using, taken{b, n}); len(using) > most {
			release(g.IntN(len(using)))
		}
	}
	for len(using) > 0 {
		release(0)
	}
	if _, _, err := p.Next(nil, nil); !errors.Is(err, io.EOF) {
		t.Errorf("after the last block: %v", err)
	}
	releasing.Wait()
	if inRoom == 0 || inRoom == blocks {
		t.Errorf("%d of %d blocks came in the room: the test tests nothing", inRoom, blocks)
	}
}

// TestRoomIsNeverWaitedFor: nothing stops for blocks that are not given back, and the next process has the room of those
// that were not handed over.
func TestRoomIsNeverWaitedFor(t *testing.T) {
	reader, writer := rooms(t)
	inRoom := func(room *packed.Room) (n int) {
		var stream bytes.Buffer
		numbered(t, &stream, writer, 100)
		p, err := packed.NewReader(bufio.NewReader(&stream), room)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			_, b, err := p.Next(nil, nil)
			if err == nil {
				err = whose(b, i)
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.InRoom() {
				n++
			}
		}
		return n
	}
	first := inRoom(reader)
	if second := inRoom(reader); first == 0 || second != 0 {
		t.Fatalf("%d, then %d blocks in the room, though none was given back", first, second)
	}
	other, again := rooms(t)
	numbered(t, io.Discard, again, 100) // of a process that ends before they are read
	writer = again
	if got := inRoom(other); got != 0 {
		t.Fatalf("%d blocks in a room that is full", got)
	}
	_ = other.ForWriter()
	if got := inRoom(other); got != first {
		t.Errorf("the next process has room for %d blocks, and the first had for %d", got, first)
	}
	_ = other.ForWriter()
	if got := inRoom(other); got != 0 {
		t.Errorf("the next process has room for %d blocks, and all are used", got)
	}
}

// TestRoomsThatAreDamaged: heads that no Writer writes are errors.
func TestRoomsThatAreDamaged(t *testing.T) {
	head := func(bytes, slot int) string {
		return string(append(binary.LittleEndian.AppendUint32(nil, uint32(bytes)), 2, byte(slot), 0, 0))
	}
	for name, of := range map[string]func(whole string) string{
		"no such slot":       func(string) string { return head(100, 200) },
		"nothing is there":   func(string) string { return head(100, 3) },
		"longer than a slot": func(string) string { return head(1<<30, 0) },
		"half a head":        func(whole string) string { return whole[:5] },
		"still used":         func(whole string) string { return whole + whole },
		"given back":         func(whole string) string { return whole + whole },
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer := rooms(t)
			var stream bytes.Buffer
			numbered(t, &stream, writer, 1)
			start, block := stream.String()[:stream.Len()-8], stream.String()[stream.Len()-8:]
			for _, room := range []*packed.Room{nil, reader} {
				p, err := packed.NewReader(bufio.NewReader(strings.NewReader(start+of(block))), room)
				if err != nil {
					t.Fatal(err)
				}
				for err == nil {
					var b *packed.Block
					if _, b, err = p.Next(nil, nil); err == nil && name == "given back" {
						b.Release()
					}
				}
				if errors.Is(err, io.EOF) {
					t.Errorf("all is read (with a room: %v)", room != nil)
				}
			}
		})
	}
}

// TestPackedInRoom: rows that come through a room are those that come through the pipe.
func TestPackedInRoom(t *testing.T) {
	for seed := range uint64(60) {
		g := generator{rand.New(rand.NewPCG(seed, 72))}
		path := g.file(t)
		var plain, some bytes.Buffer
		wantErr := columnar.Pack(context.Background(), path, &plain, nil)
		reader, writer := rooms(t)
		err := columnar.Pack(context.Background(), path, &some, writer)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("seed %d: with a room %v, without %v", seed, err, wantErr)
		}
		want, _, _ := unpack(t, seed, plain.Bytes(), nil)
		if got, _, _ := unpack(t, seed, some.Bytes(), reader); got != want {
			t.Fatalf("seed %d: with a room\n%s\nwithout\n%s", seed, got, want)
		}
	}
}
