package store

// idTable says which group may hold the request of an id: a hash table of 8 bytes an
// entry, at most three quarters full, because a window of tens of millions of
// requests has one entry for each. It is cut into shards that grow by
// themselves, so that no growth takes long.
//
// An entry has 32 bits of an id's hash, and its shard gives 10 more: an answer
// is a hint that a read of the group confirms, wrong once in a hundred thousand
// times with thirty million requests; a missing answer is certain.
type idTable struct {
	shards [idShards]idShard
	used   int
}

const (
	idShards    = 1 << idShardBits
	idShardBits = 10
	// fewest is how many entries a shard begins with.
	fewest = 8
)

// idShard is a table with open addressing and linear probing. Where an entry
// would stand if there were no others, its home, follows from its tag, so that a
// table grows and closes gaps without knowing ids.
type idShard struct {
	entries []idEntry
	used    int
}

// idEntry is free if its group is 0.
type idEntry struct{ tag, group uint32 }

func (x *idTable) shard(h uint64) (s *idShard, tag uint32) {
	return &x.shards[h>>(64-idShardBits)], uint32(h)
}

// add adds an entry. The same one may be added twice, for two ids.
func (x *idTable) add(h uint64, group uint32) {
	s, tag := x.shard(h)
	if 4*(s.used+1) > 3*len(s.entries) {
		s.resize(max(fewest, len(s.entries)+len(s.entries)/4))
	}
	s.put(idEntry{tag: tag, group: group})
	x.used++
}

// find appends the groups of the entries with a hash.
func (x *idTable) find(groups []uint32, h uint64) []uint32 {
	s, tag := x.shard(h)
	if s.used == 0 {
		return groups
	}
	for i := s.home(tag); s.entries[i].group != 0; i = s.after(i) {
		if s.entries[i].tag == tag {
			groups = append(groups, s.entries[i].group)
		}
	}
	return groups
}

// has reports whether there is an entry with a hash.
func (x *idTable) has(h uint64) bool {
	s, tag := x.shard(h)
	if s.used == 0 {
		return false
	}
	for i := s.home(tag); s.entries[i].group != 0; i = s.after(i) {
		if s.entries[i].tag == tag {
			return true
		}
	}
	return false
}

// remove removes an entry, one if there are two alike. It reports whether there
// was one.
func (x *idTable) remove(h uint64, group uint32) bool {
	s, tag := x.shard(h)
	if s.used == 0 {
		return false
	}
	for i := s.home(tag); s.entries[i].group != 0; i = s.after(i) {
		if s.entries[i] == (idEntry{tag: tag, group: group}) {
			s.vacate(i)
			x.used--
			if s.used < len(s.entries)/4 && len(s.entries) > fewest {
				s.resize(max(fewest, len(s.entries)/2))
			}
			return true
		}
	}
	return false
}

// home maps tags to places evenly and in order (Lemire 2019, "Fast Random
// Integer Generation in an Interval").
func (s *idShard) home(tag uint32) int { return int(uint64(tag) * uint64(len(s.entries)) >> 32) }

func (s *idShard) after(i int) int {
	if i++; i == len(s.entries) {
		return 0
	}
	return i
}

func (s *idShard) put(e idEntry) {
	i := s.home(e.tag)
	for s.entries[i].group != 0 {
		i = s.after(i)
	}
	s.entries[i] = e
	s.used++
}

// vacate frees an entry and moves those behind it up that could not stand there
// (Knuth, The Art of Computer Programming, 6.4, algorithm R).
func (s *idShard) vacate(free int) {
	s.used--
	for i := s.after(free); s.entries[i].group != 0; i = s.after(i) {
		home := s.home(s.entries[i].tag)
		// Does it stand behind its home without passing the free one?
		if free <= i && (home > free && home <= i) || free > i && (home > free || home <= i) {
			continue
		}
		s.entries[free] = s.entries[i]
		free = i
	}
	s.entries[free] = idEntry{}
}

func (s *idShard) resize(size int) {
	old := s.entries
	s.entries, s.used = make([]idEntry, size), 0
	for _, e := range old {
		if e.group != 0 {
			s.put(e)
		}
	}
}
