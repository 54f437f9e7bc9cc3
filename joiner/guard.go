package joiner

// Guard is what the stall guard knows.
type Guard struct{}
