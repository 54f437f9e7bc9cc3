package partition

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// TestFileInPlaceOfTheState: a supervisor that starts the joiner again and again would never get further.
func TestFileInPlaceOfTheState(t *testing.T) {
	for name, file := range map[string]string{"state.dir": "state", "the partition's": "state/p0000", "above": "."} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenState(vfs.Default, ID{}, &config.Config{}, filepath.Join(root, "state"), slog.New(slog.DiscardHandler))
			if terminal.ExitCode(err) != terminal.ExitUsage {
				t.Errorf("a state: %v", err)
			}
			if err := MakeDir(filepath.Join(path, "below")); terminal.ExitCode(err) != terminal.ExitUsage {
				t.Errorf("a directory: %v", err)
			}
		})
	}
}
