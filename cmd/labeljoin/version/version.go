// Package version says which release of labeljoin this program is.
package version

import "runtime/debug"

// release is the release; the linker sets it (-X .../version.release=...) where a
// release is built. Otherwise the module's own version says what this is.
var release = ""

// Text is the release, or what the module says of itself where no release was built.
func Text() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
