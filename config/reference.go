package config

import (
	_ "embed" // for the page
	"fmt"
	"slices"
	"strings"
)

// referencePage is made from the comments of the settings, by
// `go test ./config -run TestReferencePage -update`.
//
//go:embed REFERENCE.md
var referencePage string

// Reference is the configuration reference, in Markdown: a section for every
// block and every setting.
func Reference() string { return referencePage }

// ReferenceOf is the part of the reference about one setting, like join.window,
// or about a block, like join, with all its settings. A label, feature or
// column may be named by its own name: labels.clicked.window. The error says
// which setting may have been meant.
func ReferenceOf(path string) (string, error) {
	var found strings.Builder
	var known []string
	inside := false
	for section := range strings.SplitSeq(referencePage, "\n#") {
		heading, _, _ := strings.Cut(section, "\n")
		_, name, ok := strings.Cut(heading, "`")
		name, _, _ = strings.Cut(name, "`")
		inside = ok && isOrHolds(path, name)
		if ok {
			known = append(known, name)
		}
		if inside {
			found.WriteString("#" + strings.TrimRight(section, "\n") + "\n\n")
		}
	}
	if found.Len() > 0 {
		return strings.TrimRight(found.String(), "\n") + "\n", nil
	}
	return "", unknownSetting(path, known)
}

// isOrHolds reports whether a path is a setting of the reference, or a block
// that holds it. A part of the setting like <name> stands for any name.
func isOrHolds(path, setting string) bool {
	parts, wanted := strings.Split(setting, "."), strings.Split(path, ".")
	if len(wanted) > len(parts) {
		return false
	}
	for i, part := range wanted {
		if part != parts[i] && !strings.HasPrefix(parts[i], "<") {
			return false
		}
	}
	return true
}

// unknownSetting says which setting may have been meant.
func unknownSetting(path string, known []string) error {
	for _, setting := range known {
		if strings.HasSuffix(setting, "."+path) {
			return fmt.Errorf("there is no setting %q: did you mean %s?", clipped(path), setting)
		}
	}
	if near := Nearest(path, known); near != "" {
		return fmt.Errorf("there is no setting %q: did you mean %s?", clipped(path), near)
	}
	known = slices.DeleteFunc(known, func(setting string) bool { return strings.Contains(setting, ".") })
	return fmt.Errorf("there is no setting %q: name a setting, like join.window, or a block: %s", clipped(path),
		strings.Join(known, ", "))
}
