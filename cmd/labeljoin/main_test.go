package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/joiner"
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

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func rulesFor(t *testing.T, cfg *config.Config) *joiner.Rules {
	t.Helper()
	rules, err := wire.Rules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &rules
}
