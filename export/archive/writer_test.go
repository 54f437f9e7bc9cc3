package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/export/archive"
)

// TestSecondWriter: a second process does not touch the files of the first one, which would put them in their place
// half written.
func TestSecondWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	first, err := archive.New(archive.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.New(archive.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("a second one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.New(archive.Options{Dir: dir}); !errors.As(err, new(*archive.ExistsError)) {
		t.Fatalf("after the first one: %v", err)
	}
}

// TestKilledWriter: after a kill at any place the next one writes the archive, also where only the outcomes were in
// their place.
func TestKilledWriter(t *testing.T) {
	for name, left := range map[string][]string{
		"while it was written":   {"_staging/requests", "_staging/outcomes"},
		"between the two":        {"outcomes", "_staging/requests"},
		"while that was removed": {"_staging"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, folder := range left {
				folder = filepath.Join(dir, folder)
				if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "part-00000.parquet"), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			w, err := archive.New(archive.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, folder := range []string{archive.RequestsDir, archive.OutcomesDir} {
				if _, err := os.Stat(filepath.Join(dir, folder)); err != nil {
					t.Error(err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "_staging")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("_staging: %v", err)
			}
		})
	}
}
