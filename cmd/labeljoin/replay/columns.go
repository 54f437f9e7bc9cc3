package replay

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
)

// ReadColumnsName is the command that a replay starts for each Parquet and Avro file: a
// process of its own, because a damaged file can end it.
const ReadColumnsName = "read-columns"

// ReadColumns reads a file by a process of this program.
func ReadColumns(ctx context.Context, path string) (io.ReadCloser, error) {
	return readColumns(ctx, path)
}

// readIDs is ReadColumns for finding ids: records have nothing else.
func readIDs(ctx context.Context, path string) (io.ReadCloser, error) {
	return readColumns(ctx, path, "request_id")
}

// readColumns reads the columns that are named, or all if none is.
func readColumns(ctx context.Context, path string, only ...string) (io.ReadCloser, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to read %s by a process of its own: %w", path, err)
	}
	return columnar.Child(ctx, append([]string{program, ReadColumnsName, "--", path}, only...)...)
}
