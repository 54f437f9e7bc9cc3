package batch

// Several are the hashes that are given more than once, found by so many goroutines.
func Several(all []uint64, jobs int) map[uint64]struct{} {
	var h hashes
	h.add(all)
	return h.several(jobs)
}
