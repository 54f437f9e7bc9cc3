package main

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes. exitCodes has their meanings.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	exitAnomaly = 4
	exitStopped = 130
)

// exitMeaning is what an exit code says to whoever started the program.
type exitMeaning struct {
	code  int
	means string
}

// exitCodes are all exit codes. A supervisor restarts after 1 and calls a
// person after 2 and 3.
func exitCodes() []exitMeaning {
	return []exitMeaning{
		{exitDone, "done"},
		{exitFailed, "something did not work; trying again may help"},
		{exitUsage, "the command line or the configuration is wrong"},
		{exitRefused, "state, output and log do not fit together, or the output is damaged: a person must decide"},
		{exitAnomaly, "done, and the rows are not as they should be"},
		{exitStopped, "stopped by a second signal"},
	}
}

// exitCodesText lists the exit codes for a help text.
func exitCodesText() string {
	var lines []string
	for _, e := range exitCodes() {
		lines = append(lines, fmt.Sprintf("%4d  %s", e.code, e.means))
	}
	return strings.Join(lines, "\n")
}

// Errors say themselves what has to be done about them, by one of three methods:
//
//   - Misuse: the command line or the configuration has to be changed.
//   - Refusal: state, output and log do not fit together, and a person has to
//     decide.
//   - Anomalies: the command did its work, and rows are not as they should be.
//
// All other errors are failures. TestExitCodes has every error type.

// exitCode is the exit code for an error.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	type misuse interface {
		error
		Misuse() bool
	}
	if e, ok := errors.AsType[misuse](err); ok && e.Misuse() {
		return exitUsage
	}
	type refusal interface {
		error
		Refusal() bool
	}
	if e, ok := errors.AsType[refusal](err); ok && e.Refusal() {
		return exitRefused
	}
	type anomalies interface {
		error
		Anomalies() bool
	}
	if e, ok := errors.AsType[anomalies](err); ok && e.Anomalies() {
		return exitAnomaly
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Misuse reports that the command line has to be changed.
func (e *usageError) Misuse() bool { return true }
