package replay

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// ReadColumnsName is the command that a replay starts for each Parquet and Avro file: a
// process of its own, because a damaged file can end it.
const ReadColumnsName = "read-columns"

// ReadColumns reads a file by a process of this program.
func ReadColumns(ctx context.Context, path string) (io.ReadCloser, error) {
	return readColumns(ctx, nil, nil, path)
}

// PackFlag has the process pack rows, and RoomFlag put them into a room, which it is given as file columnar.RoomFD.
const (
	PackFlag = "pack"
	RoomFlag = "room"
)

// packRequests is ReadColumns for requests in labeljoin's own format, of which only the columns that are named are
// read, or all if none is.
func packRequests(room *packed.Room, only ...string) columnReader {
	flags := []string{"--" + PackFlag}
	if room != nil {
		flags = append(flags, "--"+RoomFlag)
	}
	return func(ctx context.Context, path string) (io.ReadCloser, error) {
		return readColumns(ctx, room, flags, path, only...)
	}
}

func readColumns(ctx context.Context, room *packed.Room, flags []string, path string, only ...string) (io.ReadCloser,
	error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to read %s by a process of its own: %w", path, err)
	}
	command := slices.Concat([]string{program, ReadColumnsName}, flags, []string{"--", path}, only)
	return columnar.Child(ctx, room, command...)
}
