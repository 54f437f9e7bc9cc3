package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// releaseFile is what .goreleaser.yaml uses of GoReleaser's settings. The names
// are those that `goreleaser check` of version 2.16 accepts; CI runs that too,
// where it is installed.
type releaseFile struct {
	Version     int    `yaml:"version"`
	ProjectName string `yaml:"project_name"`
	Before      struct {
		Hooks []string `yaml:"hooks"`
	} `yaml:"before"`
	Builds []struct {
		Main         string   `yaml:"main"`
		Binary       string   `yaml:"binary"`
		Env          []string `yaml:"env"`
		GOOS         []string `yaml:"goos"`
		GOARCH       []string `yaml:"goarch"`
		Flags        []string `yaml:"flags"`
		LDFlags      []string `yaml:"ldflags"`
		ModTimestamp string   `yaml:"mod_timestamp"`
	} `yaml:"builds"`
	Archives []struct {
		Formats         []string `yaml:"formats"`
		NameTemplate    string   `yaml:"name_template"`
		WrapInDirectory bool     `yaml:"wrap_in_directory"`
		Files           []string `yaml:"files"`
	} `yaml:"archives"`
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string `yaml:"algorithm"`
	} `yaml:"checksum"`
	Changelog struct {
		Disable bool `yaml:"disable"`
	} `yaml:"changelog"`
	Release struct {
		GitHub struct {
			Owner string `yaml:"owner"`
			Name  string `yaml:"name"`
		} `yaml:"github"`
		Draft bool `yaml:"draft"`
	} `yaml:"release"`
}

// TestRelease reads .goreleaser.yaml: what it builds is static and knows its
// version, and what it packs is there.
func TestRelease(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var r releaseFile
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Version != 2 || len(r.Builds) != 1 || len(r.Archives) != 1 || module != "github.com/"+r.Release.GitHub.Owner+"/"+r.Release.GitHub.Name {
		t.Fatalf("this is not the release of one program of %s: %+v", module, r)
	}
	build := r.Builds[0]
	if build.Main != "./cmd/labeljoin" || build.Binary != "labeljoin" || !slices.Contains(build.Env, "CGO_ENABLED=0") {
		t.Errorf("it does not build a static labeljoin: %+v", build)
	}
	if !strings.Contains(strings.Join(build.LDFlags, " "), "-X github.com/labeljoin/labeljoin/cmd/labeljoin/version.release={{ .Version }}") {
		t.Errorf("the program is not told its version: %q", build.LDFlags)
	}
	for _, goos := range build.GOOS {
		for _, arch := range build.GOARCH {
			if !slices.Contains(releasePlatforms(), goos+"/"+arch+"/0") {
				t.Errorf("TestNotices does not look at %s/%s", goos, arch)
			}
		}
	}
	for _, pattern := range r.Archives[0].Files {
		if found, err := filepath.Glob(filepath.Join(root, pattern)); err != nil || len(found) == 0 {
			t.Errorf("it packs %s, and there is no such file", pattern)
		}
	}
	for _, needed := range []string{"LICENSE", "cmd/labeljoin/THIRD_PARTY_NOTICES"} {
		if !slices.Contains(r.Archives[0].Files, needed) {
			t.Errorf("it does not pack %s", needed)
		}
	}
}

// TestContainerfile checks the parts of the image: nothing in it needs a shell,
// it does not run as root, and the script brings everything that is copied. CI
// builds and starts the image where there is a container engine.
func TestContainerfile(t *testing.T) {
	src, err := os.ReadFile("deploy/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("deploy/image")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(src)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if instruction == "" || instruction[0] == '#' {
			continue
		}
		said[instruction] = rest
		if instruction != "COPY" {
			continue
		}
		words := slices.DeleteFunc(strings.Fields(rest), func(word string) bool { return strings.HasPrefix(word, "--") })
		if len(words) != 2 || !bytes.Contains(script, []byte("$context/"+words[0]+`"`)) {
			t.Errorf("COPY %s: deploy/image puts no such thing into the context", rest)
		}
	}
	want := map[string]string{
		"FROM": "scratch", "USER": "65532:65532", "STOPSIGNAL": "SIGTERM", "VOLUME": `["/state", "/output"]`, "ENTRYPOINT": `["/labeljoin"]`,
		"CMD": `["run", "--config", "/etc/labeljoin/labeljoin.yaml"]`,
	}
	for instruction, rest := range want {
		t.Run(instruction, func(t *testing.T) {
			if said[instruction] != rest {
				t.Errorf("%s is %q, want %q", instruction, said[instruction], rest)
			}
		})
	}
	if _, ok := said["RUN"]; ok {
		t.Error("RUN needs a shell, and an image from scratch has none")
	}
	if !bytes.Contains(script, []byte("CGO_ENABLED=0 go build")) {
		t.Error("deploy/image does not build a static program")
	}
}
