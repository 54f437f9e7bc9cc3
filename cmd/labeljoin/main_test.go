package main

import (
	"bytes"
	"strings"
	"testing"
)

// said is what a command line printed and ended with.
type said struct {
	code           int
	stdout, stderr string
}

// runMain runs a command line as main does, within this process.
func runMain(t *testing.T, args ...string) said {
	t.Helper()
	return runMainWith(t, "", args...)
}

// runMainWith gives it a standard input.
func runMainWith(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	var out, talk bytes.Buffer
	code := execute(t.Context(), append([]string{"labeljoin"}, args...), strings.NewReader(stdin), &out, &talk)
	return said{code, out.String(), talk.String()}
}
