package terminal

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes. exitCodes has their meanings.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitRefused = 3
	ExitAnomaly = 4
	ExitStopped = 130
)

// ExitMeaning is what an exit code says to the person or program that started this one.
type ExitMeaning struct {
	Code  int
	Means string
}

// ExitCodes are all exit codes. A supervisor restarts after 1 and calls a
// person after 2 and 3.
func ExitCodes() []ExitMeaning {
	return []ExitMeaning{
		{ExitDone, "done"},
		{ExitFailed, "something did not work; trying again may help"},
		{ExitUsage, "the command line or the configuration is wrong"},
		{ExitRefused, "state, output and log do not fit together, or the output is damaged: a person must decide"},
		{ExitAnomaly, "done, and rows or events are not as they should be"},
		{ExitStopped, "stopped by a second signal"},
	}
}

// ExitCodesText lists the exit codes for a help text.
func ExitCodesText() string {
	var lines []string
	for _, e := range ExitCodes() {
		lines = append(lines, fmt.Sprintf("%4d  %s", e.Code, e.Means))
	}
	return strings.Join(lines, "\n")
}

// Errors say themselves what has to be done about them, by one of three methods:
//
//   - Misuse: the command line or the configuration has to be changed.
//   - Refusal: state, output and log do not fit together, and a person has to
//     decide.
//   - Anomalies: the command did its work, and rows or events are not as they should be.
//
// All other errors are failures. TestExitCodes has every error type.

// ExitCode is the exit code for an error.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	type misuse interface {
		error
		Misuse() bool
	}
	if e, ok := errors.AsType[misuse](err); ok && e.Misuse() {
		return ExitUsage
	}
	type refusal interface {
		error
		Refusal() bool
	}
	if e, ok := errors.AsType[refusal](err); ok && e.Refusal() {
		return ExitRefused
	}
	type anomalies interface {
		error
		Anomalies() bool
	}
	if e, ok := errors.AsType[anomalies](err); ok && e.Anomalies() {
		return ExitAnomaly
	}
	return ExitFailed
}

// UsageError is a mistake in the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Misuse reports that the command line has to be changed.
func (e *UsageError) Misuse() bool { return true }
