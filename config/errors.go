package config

import (
	"errors"
	"fmt"
	"io/fs"
)

// FileError says that the configuration itself cannot be read.
type FileError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *FileError) Error() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return fmt.Sprintf("no configuration at %s: labeljoin config init %s writes one", e.Path, e.Path)
	}
	return fmt.Sprintf("the configuration %s cannot be read: %v", e.Path, e.Err)
}

// Unwrap is the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Misuse reports that the command line has to name another file.
func (e *FileError) Misuse() bool { return true }

// SettingError says that what a setting refers to, an environment variable or
// a file, is not there or cannot be read.
type SettingError struct {
	Setting string // its path, like nats.creds
	Err     error
}

// Error implements error.
func (e *SettingError) Error() string { return fmt.Sprintf("%s: %v", e.Setting, e.Err) }

// Unwrap is the cause.
func (e *SettingError) Unwrap() error { return e.Err }

// Misuse reports that the configuration, or what it refers to, has to be
// changed.
func (e *SettingError) Misuse() bool { return true }
