package replay_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A directory that a pattern matches stands for the files below it.
func TestPatternsMatchDirectories(t *testing.T) {
	dir, logs := t.TempDir(), traffic(1)
	r := logs.written(t, dir, configured(t, dir, ""))
	for _, name := range []string{"logs/a.jsonl", "logs/day.jsonl/b.jsonl", "logs/day.jsonl/_SUCCESS"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]int{"logs/*": 2, "logs/*.jsonl": 2, "logs/**/*.jsonl": 2, "logs/a*": 1} {
		t.Run(pattern, func(t *testing.T) {
			if found, err := r.LogPaths(t.Context(), "requests", []string{filepath.Join(dir, pattern)}); err != nil ||
				len(found) != want {
				t.Errorf("%s: %q %v", pattern, found, err)
			}
		})
	}
}

// What tools hide beside logs is no log, and a link to a directory is that directory, once.
func TestPatternsHiddenAndLinked(t *testing.T) {
	dir, logs := t.TempDir(), traffic(1)
	r := logs.written(t, dir, configured(t, dir, ""))
	for _, name := range []string{
		"logs/dt=1/a.jsonl", "logs/_temporary/0/a.jsonl", "logs/.ipynb_checkpoints/a.jsonl", "logs/dt=1/_delta_log/0.jsonl",
		"elsewhere/b.jsonl", "_raw/dt=1/c.jsonl", "looped/a.jsonl",
		"round/a/1.jsonl", "round/b/2.jsonl",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"logs/latest": "dt=1", "logs/more": filepath.Join(dir, "elsewhere"),
		"looped/up": "../looped",
		"round/a/b": "../b", "round/b/a": "../a"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("there are no links here: %v", err)
		}
	}
	for given, want := range map[string][]string{
		"logs/*":            {"logs/dt=1/a.jsonl", "logs/more/b.jsonl"},
		"logs/**":           {"logs/dt=1/a.jsonl", "logs/more/b.jsonl"},
		"logs/**/*.jsonl":   {"logs/dt=1/a.jsonl", "logs/more/b.jsonl"},
		"logs":              {"logs/dt=1/a.jsonl", "logs/more/b.jsonl"},
		"logs/l*":           {"logs/latest/a.jsonl"},
		"logs/latest":       {"logs/latest/a.jsonl"},
		"logs/_*":           {"logs/_temporary/0/a.jsonl"},
		"logs/.ipynb*":      {"logs/.ipynb_checkpoints/a.jsonl"},
		"looped":            {"looped/a.jsonl"},
		"looped/**/*.jsonl": {"looped/a.jsonl"},
		"loop*/**":          {"looped/a.jsonl"},
		"round/**/*.jsonl":  {"round/a/1.jsonl", "round/a/b/2.jsonl"},
		"round/a/**":        {"round/a/1.jsonl", "round/a/b/2.jsonl"},
		"_raw/*":            {"_raw/dt=1/c.jsonl"},
		"logs/*/_*/*.jsonl": {"logs/dt=1/_delta_log/0.jsonl"},
	} {
		t.Run(given, func(t *testing.T) {
			found, err := r.LogPaths(t.Context(), "requests", []string{filepath.Join(dir, given)})
			for i := range found {
				found[i] = strings.TrimPrefix(found[i], dir+string(filepath.Separator))
			}
			if err != nil || !slices.Equal(found, want) {
				t.Errorf("%q %v, want %q", found, err, want)
			}
		})
	}
}

// What is no file is refused by name where it was found, since reading a pipe may wait for
// ever, and so is a link that leads to itself.
func TestPatternsMeetNoFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no pipes in directories; CI runs this on Linux")
	}
	dir, logs := t.TempDir(), traffic(1)
	r := logs.written(t, dir, configured(t, dir, ""))
	for _, name := range []string{"piped", "linked", "self"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "a.jsonl"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("mkfifo", filepath.Join(dir, "piped/p.jsonl")).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v %s", err, out)
	}
	link := func(name, target string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("linked/p.jsonl", "../piped/p.jsonl")
	link("self/s.jsonl", "s.jsonl")
	for given, want := range map[string]string{
		"piped": "piped/p.jsonl is a pipe", "piped/*": "piped/p.jsonl is a pipe", "linked": "linked/p.jsonl is a pipe",
		"linked/**": "linked/p.jsonl is a pipe", "self": "self/s.jsonl leads nowhere", "self/*": "s.jsonl",
	} {
		t.Run(given, func(t *testing.T) {
			found, err := r.LogPaths(t.Context(), "requests", []string{filepath.Join(dir, given)})
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "malformed") {
				t.Errorf("found %q, error %v, want %q", found, err, want)
			}
		})
	}
	if found, err := r.LogPaths(t.Context(), "requests", []string{filepath.Join(dir, "piped/p.jsonl")}); err != nil || len(found) != 1 {
		t.Errorf("a pipe that is named: %q %v", found, err)
	}
}
