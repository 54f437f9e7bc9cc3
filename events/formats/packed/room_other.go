//go:build !linux

package packed

import (
	"errors"
	"os"
)

func sharedFile(string, int64) (*os.File, error) { return nil, errors.ErrUnsupported }

func mapShared(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }
