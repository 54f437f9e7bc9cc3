package config

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// presets are whole configurations for producers that many have. Each has an input
// called like the preset, and may have more.
//
//go:embed presets/*.yaml
var presets embed.FS

// Presets lists the names of the presets, sorted.
func Presets() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		return nil // they are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Preset is a whole configuration for a producer, with comments, to print and to change.
// The error says which there are.
func Preset(name string) ([]byte, error) {
	src, err := presets.ReadFile(path.Join("presets", path.Base(name)+".yaml"))
	if err != nil {
		hint := ""
		if near := Nearest(name, Presets()); near != "" {
			hint = fmt.Sprintf(": did you mean %s?", near)
		}
		return nil, fmt.Errorf("there is no preset %q%s; there are %s", clipped(name), hint, strings.Join(Presets(), ", "))
	}
	return src, nil
}

// PresetAbout is what a preset is for: the first lines of its comment.
func PresetAbout(name string) string {
	src, err := Preset(name)
	if err != nil {
		return ""
	}
	var words []string
	for line := range strings.Lines(string(src)) {
		comment, ok := strings.CutPrefix(line, "# ")
		if !ok {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	return strings.Join(words, " ")
}

// PresetFormats lists what an input can give as its format to have the mapping of a
// preset: the names of the presets' inputs that have one.
func PresetFormats() []string { return slices.Sorted(maps.Keys(presetInputs())) }

// presetInputs are the inputs of all presets that have a mapping, by their names.
func presetInputs() map[string]Input {
	found := map[string]Input{}
	for _, name := range Presets() {
		src, err := Preset(name)
		if err != nil {
			continue
		}
		r := newReader(name, src)
		c := Config{}
		if root := r.parse(); root != nil {
			r.only = []string{"inputs"}
			r.value(root, "", &c)
		}
		for _, in := range c.Inputs.List {
			if len(in.Map) > 0 {
				found[in.Name] = in
			}
		}
	}
	return found
}

// adopt gives an input what its preset says, where it says nothing itself.
func (in *Input) adopt(preset *Input) {
	in.Format = preset.Format
	for _, part := range []struct{ own, preset *string }{{&in.Kind, &preset.Kind}, {&in.Each, &preset.Each},
		{&in.Only, &preset.Only}} {
		if *part.own == "" {
			*part.own = *part.preset
		}
	}
	merged := maps.Clone(preset.Map)
	for name, expression := range in.Map {
		if merged[name] = expression; expression == "" {
			delete(merged, name)
		}
	}
	in.Map = merged
}
