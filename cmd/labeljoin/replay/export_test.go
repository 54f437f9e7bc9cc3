package replay

// OwnMemory lets tests say how much memory is for events.
const OwnMemory = ownMemory

// TakeScratch lets tests be another replay of the same output.
func (r *Replay) TakeScratch() (release func() error, err error) { return r.takeScratch() }

// Scratch lets tests look into the scratch.
func (r *Replay) Scratch() string { return r.scratch() }

// PartSmallLogs has logs read for their ids in as many parts as large ones are.
func PartSmallLogs() { partLeast = 1 }
