package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the project's folder, seen from this package's, and module its name.
const (
	root   = "../.."
	module = "github.com/labeljoin/labeljoin"
)

var updateNotices = flag.Bool("update", false, "write THIRD_PARTY_NOTICES anew")

// releasePlatforms are what releases are built for; each links other packages.
func releasePlatforms() []string {
	return []string{"linux/amd64/0", "linux/arm64/0", "darwin/amd64/0", "darwin/arm64/0", "linux/amd64/1"}
}

// TestNotices wants THIRD_PARTY_NOTICES to have every module that is linked
// into the program on any platform, in its version of go.mod, with every licence
// file from its packages up to its root.
func TestNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("go list for every platform takes seconds")
	}
	text := noticesOf(t)
	if *updateNotices {
		if err := os.WriteFile("THIRD_PARTY_NOTICES", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile("THIRD_PARTY_NOTICES")
	if err != nil || !bytes.Equal(old, text) {
		t.Errorf("THIRD_PARTY_NOTICES is not about what is linked (%v): go test ./cmd/labeljoin -run TestNotices -update\n%s", err, firstDifference(old, text))
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(old, text []byte) string {
	a, b := strings.Split(string(old), "\n"), strings.Split(string(text), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %q and should be %q", i+1, a[i], b[i])
		}
	}
	return "one is longer than the other"
}

// linkedModule is a module of which packages are linked.
type linkedModule struct {
	name     string          // with its version
	licences map[string]bool // files, from the root of the module
	dir      string
}

// noticesOf collects the licences.
func noticesOf(t *testing.T) []byte {
	t.Helper()
	modules := map[string]*linkedModule{}
	for _, platform := range releasePlatforms() {
		collectModules(t, platform, modules)
	}
	if len(modules) < 40 {
		t.Fatalf("only %d modules found", len(modules))
	}
	// Licences that read the same stand once, with all that have them.
	holders := map[string][]string{}
	for _, m := range modules {
		if len(m.licences) == 0 {
			t.Errorf("%s has no licence file", m.name)
		}
		for file := range m.licences {
			holder := m.name
			if path := filepath.ToSlash(filepath.Dir(file)); path != "." {
				holder += " (" + path + ")"
			}
			text := licenceText(t, filepath.Join(m.dir, file))
			holders[text] = append(holders[text], holder)
		}
	}
	goLicence := licenceText(t, filepath.Join(goroot(t), "LICENSE"))
	holders[goLicence] = append(holders[goLicence], "the Go standard library")
	for _, names := range holders {
		slices.Sort(names)
	}
	texts := slices.SortedFunc(maps.Keys(holders), func(a, b string) int {
		return strings.Compare(holders[a][0]+a, holders[b][0]+b)
	})
	var out bytes.Buffer
	out.WriteString("labeljoin is licensed under the Apache License, Version 2.0.\n\n" +
		"These are the licences and notices of the modules that are linked into it.\n")
	for _, text := range texts {
		out.WriteString("\n" + strings.Repeat("=", 80) + "\n")
		for _, name := range slices.Compact(holders[text]) {
			out.WriteString(name + "\n")
		}
		out.WriteString(strings.Repeat("-", 80) + "\n\n" + text)
	}
	return out.Bytes()
}

// collectModules adds the modules that are linked on a platform: GOOS/GOARCH/CGO_ENABLED.
func collectModules(t *testing.T, platform string, modules map[string]*linkedModule) {
	t.Helper()
	parts := strings.Split(platform, "/")
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Module", ".")
	cmd.Env = append(os.Environ(), "GOOS="+parts[0], "GOARCH="+parts[1], "CGO_ENABLED="+parts[2])
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	listed, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v\n%s", platform, err, &stderr)
	}
	for dec := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p struct {
			Dir    string
			Module *struct{ Path, Version, Dir string }
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Path == module {
			continue
		}
		m := modules[p.Module.Path]
		if m == nil {
			m = &linkedModule{name: p.Module.Path + " " + p.Module.Version, licences: map[string]bool{}, dir: p.Module.Dir}
			modules[p.Module.Path] = m
		}
		m.collect(t, p.Dir)
	}
}

// collect adds the licence files from a package's folder up to the module's.
func (m *linkedModule) collect(t *testing.T, dir string) {
	t.Helper()
	named := regexp.MustCompile(`(?i)^(licen[sc]e|notice|copying|patents)([.-].*)?$`)
	for ; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			rel, err := filepath.Rel(m.dir, filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if !e.IsDir() && named.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
				m.licences[rel] = true
			}
		}
		if dir == m.dir || len(dir) <= len(m.dir) {
			return
		}
	}
}

// licenceText is a file's text, with line ends as here.
func licenceText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n") + "\n"
}

// goroot is where the Go that runs this test has its files.
func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
