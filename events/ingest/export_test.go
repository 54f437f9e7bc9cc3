package ingest

// Waiting is how many requests of an input wait for others to be stored.
func Waiting(s *Server, input string) int {
	g := &s.inputs[input].gather
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// Joined is a message of some values.
func Joined(values ...[]byte) []byte { return joined(values, 0) }
