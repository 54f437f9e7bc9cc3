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

// PackFlag has the process pack rows.
const PackFlag = "pack"

// packRequests is ReadColumns for requests in labeljoin's own format.
func packRequests(ctx context.Context, path string) (io.ReadCloser, error) {
	return readColumns(ctx, path, "--"+PackFlag)
}

// packIDs is packRequests for finding ids: records have nothing else.
func packIDs(ctx context.Context, path string) (io.ReadCloser, error) {
	return readColumns(ctx, path, "--"+PackFlag, "request_id")
}

// readColumns reads the columns that are named after the flags, or all if none is.
func readColumns(ctx context.Context, path string, given ...string) (io.ReadCloser, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to read %s by a process of its own: %w", path, err)
	}
	command := []string{program, ReadColumnsName}
	if len(given) > 0 {
		command, given = append(command, given[0]), given[1:]
	}
	return columnar.Child(ctx, append(append(command, "--", path), given...)...)
}
