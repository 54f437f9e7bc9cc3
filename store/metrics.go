package store

// Metrics is how the database under the state does.
type Metrics struct {
	DiskBytes      uint64 // of all files
	MemTableBytes  uint64
	L0Files        int64
	ReadAmp        int    // files that a read may have to look into
	DebtBytes      uint64 // that compactions have yet to rewrite
	Compactions    int64
	Flushes        int64
	CacheBytes     int64
	CacheHits      int64
	CacheMisses    int64
	CompactedBytes uint64 // written by flushes and compactions
}

// DiskBytes is how much the files of the state take, from any goroutine.
func (s *Store) DiskBytes() uint64 { return s.db.Load().Metrics().DiskSpaceUsage() }

// Metrics may be called from any goroutine until Close.
func (s *Store) Metrics() Metrics {
	m := s.db.Load().Metrics()
	total := m.Total()
	return Metrics{
		DiskBytes: m.DiskSpaceUsage(), MemTableBytes: m.MemTable.Size,
		L0Files: m.Levels[0].TablesCount, ReadAmp: m.ReadAmp(), DebtBytes: m.Compact.EstimatedDebt,
		Compactions: m.Compact.Count, Flushes: m.Flush.Count,
		CacheBytes: m.BlockCache.Size, CacheHits: m.BlockCache.Hits, CacheMisses: m.BlockCache.Misses,
		CompactedBytes: total.TableBytesFlushed + total.TableBytesCompacted,
	}
}
