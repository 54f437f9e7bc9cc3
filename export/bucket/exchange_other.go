//go:build !linux && !darwin

package bucket

// exchange is not to be had here.
func exchange(string, string) error { return ErrNoExchange }
