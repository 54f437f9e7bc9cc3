package logfile

// Limit sets the longest line, so that tests need not write megabytes.
func (s *Source) Limit(longest int) { s.longest = longest }
