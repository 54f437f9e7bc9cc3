package ingest

// Waiting is how many requests of an input wait for others to be stored.
func Waiting(s *Server, input string) int {
	g := &s.inputs[input].gather
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}
