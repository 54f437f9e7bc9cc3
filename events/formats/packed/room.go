package packed

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Room is memory that both processes have: blocks that lie there need not go through the pipe.
//
// It has slots of a block each. A slot is taken by the process that writes, which never touches it again until it is
// free, and made free by the one that reads, once nothing of its block is used. If none is free the block goes through
// the pipe, so neither process ever waits for a slot, and nothing stops for one that is not given back.
type Room struct {
	file   *os.File
	memory []byte
	states []atomic.Uint32 // of the slots, in the memory: 0 is free
	used   []atomic.Bool   // slots whose blocks are used by this process, which reads
}

// The memory begins with the states of the slots.
const (
	roomSlots = 24
	slotBytes = 128 << 10
	slotsFrom = 4 << 10
	roomBytes = slotsFrom + roomSlots*slotBytes
)

// OpenRoom is the room that another process gives as a file.
func OpenRoom(file *os.File) (*Room, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("the memory of both processes: %w", err)
	}
	if info.Size() != roomBytes {
		return nil, fmt.Errorf("the memory of both processes has %d bytes, and %d are meant", info.Size(), roomBytes)
	}
	memory, err := mapShared(file, roomBytes)
	if err != nil {
		return nil, fmt.Errorf("the memory of both processes: %w", err)
	}
	return &Room{
		file: file, memory: memory, used: make([]atomic.Bool, roomSlots),
		states: unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(memory))), roomSlots),
	}, nil
}

// ForWriter is the file for the next process that writes, when there is no other: slots that the one before it has
// taken and did not hand over are free. It is nil without a room.
func (r *Room) ForWriter() *os.File {
	if r == nil {
		return nil
	}
	for i := range r.states {
		if !r.used[i].Load() {
			r.states[i].Store(0)
		}
	}
	return r.file
}

// slot is the memory of a slot.
func (r *Room) slot(n int) []byte {
	from := slotsFrom + n*slotBytes
	return r.memory[from : from+slotBytes : from+slotBytes]
}

// take is a slot for a block, and its memory; -1 if none is free.
func (r *Room) take() (n int, memory []byte) {
	if r != nil {
		for n := range r.states {
			if r.states[n].CompareAndSwap(0, 1) {
				return n, r.slot(n)
			}
		}
	}
	return -1, nil
}

// drop frees a slot of which the block is handed over in another way.
func (r *Room) drop(n int) {
	if n >= 0 {
		r.states[n].Store(0)
	}
}

// hold gives the first bytes of a slot, which was handed over: this process uses them.
func (r *Room) hold(n, bytes int) (payload []byte, ok bool) {
	if r == nil || n >= roomSlots || bytes > slotBytes-blockHead || r.states[n].Load() != 1 || r.used[n].Swap(true) {
		return nil, false
	}
	return r.slot(n)[blockHead : blockHead+bytes : blockHead+bytes], true
}

// free gives a slot back: nothing of its block is used any more.
func (r *Room) free(n int) {
	r.used[n].Store(false)
	r.states[n].Store(0)
}

// Rooms are those that no log uses. They are never given back to the system: what was read may still point into them.
type Rooms struct {
	mu    sync.Mutex
	spare []*Room
	none  bool // this system has no such memory
}

// Take is a room, of which all slots are free; nil if there is none on this system.
func (r *Rooms) Take() *Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.spare); n > 0 {
		room := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return room
	}
	if r.none {
		return nil
	}
	room, err := newRoom()
	if err != nil {
		r.none = true // the pipe does as well
	}
	return room
}

// Put takes a room back, unless some of its blocks are still used.
func (r *Rooms) Put(room *Room) {
	for i := range room.used {
		if room.used[i].Load() {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spare = append(r.spare, room)
}

func newRoom() (*Room, error) {
	file, err := sharedFile("labeljoin-rows", roomBytes)
	if err != nil {
		return nil, err
	}
	room, err := OpenRoom(file)
	if err != nil {
		_ = file.Close() // nothing was written
	}
	return room, err
}
