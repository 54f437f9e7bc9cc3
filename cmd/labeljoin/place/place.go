// Package place opens the places that a configuration names: where rows are and where exports go.
package place

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
)

// storeTimeout is how long a command waits for an object store, and a joiner that starts: then
// a person or a supervisor is told.
const storeTimeout = 30 * time.Second

// uploadsDir is the folder of the state directory in which files wait to be uploaded.
const uploadsDir = "uploads"

// Of is the place of that name, for a command: dir is what output.dir, export.dir or a flag
// says. The configuration is nil where a command has none. Nothing is asked of a store yet.
func Of(ctx context.Context, c *config.Config, dir string) (bucket.Bucket, error) {
	if !config.IsAddress(dir) {
		return bucket.NewDir(vfs.Default, dir), nil
	}
	b, err := store(ctx, vfs.Default, c, dir, uploadsDir)
	if err != nil {
		return nil, err // a nil *s3.Bucket in the interface would not be nil
	}
	return b, nil
}

// Output is the place of the rows that the configuration names, and what the numbered partition wrote
// there, opened for reading. The archive is nil if there is no output yet.
func Output(ctx context.Context, c *config.Config, number int) (at bucket.Bucket, archive *export.Archive, err error) {
	if at, err = Of(ctx, c, c.Output.Dir); err != nil {
		return nil, nil, err
	}
	archive, err = export.OpenArchive(at, number)
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil, nil
	}
	return at, archive, err
}

// Lasting is the place of that name on a file system, for a process that stays. A store is
// probed, and after that waited for, however long it is away, until ctx ends. Waits is told
// why requests wait, and told nil when they go on.
func Lasting(ctx context.Context, fs vfs.FS, c *config.Config, dir string, waits func(cause error)) (bucket.Bucket,
	error) {
	if !config.IsAddress(dir) {
		return bucket.NewDir(fs, dir), nil
	}
	b, err := store(ctx, fs, c, dir, uploadsDir)
	if err == nil {
		err = b.Probe()
	}
	if err != nil {
		return nil, err
	}
	b.RetryFor, b.Waits = 0, waits
	return b, nil
}

// Export is the place of an export of that name at an address, and a directory of this
// machine in which its rows are sorted.
func Export(ctx context.Context, c *config.Config, address, name string) (at bucket.Bucket, scratch string, err error) {
	local := "exports-" + name
	b, err := store(ctx, vfs.Default, c, strings.TrimSuffix(address, "/")+"/"+name, local)
	if err != nil {
		return nil, "", err
	}
	return b, filepath.Join(c.State.Dir, local, bucket.StagingDir), nil
}

// Reading is a bucket of an object store, for a command that reads what others have put there.
// Nothing is asked of the store yet.
func Reading(ctx context.Context, c *config.Config, name string) (*s3.Bucket, error) {
	return store(ctx, vfs.Default, c, "s3://"+name, uploadsDir)
}

// store is the object store at an address. It waits for as long as storeTimeout.
func store(ctx context.Context, fs vfs.FS, c *config.Config, address, local string) (*s3.Bucket, error) {
	if c == nil {
		unset := config.Default()
		c = &unset
		c.State.Dir = filepath.Join(os.TempDir(), "labeljoin")
	}
	login, err := c.S3.Keys(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	client, err := s3.Connect(s3.Settings{
		Endpoint: c.S3.Endpoint, Region: c.S3.Region, PathStyle: c.S3.PathStyle, GCS: c.S3.Conditional == config.S3GCS,
		AccessKey: login.User, SecretKey: login.Password, CA: c.S3.CA,
	})
	if err != nil {
		return nil, err
	}
	name, prefix, _ := s3.ParseAddress(address)
	return s3.New(s3.Options{
		Client: client, Bucket: name, Prefix: prefix, Local: bucket.NewDir(fs, fs.PathJoin(c.State.Dir, local)),
		RetryFor: storeTimeout, Stop: ctx.Done(),
	}), nil
}

// Abs is an address as it is, or the absolute path of a directory.
func Abs(dir string) (string, error) {
	if config.IsAddress(dir) {
		return dir, nil
	}
	return filepath.Abs(dir)
}
