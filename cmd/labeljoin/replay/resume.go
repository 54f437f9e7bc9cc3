package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
)

// keep names what the files of a replay are kept by, for a run that goes on where one before was
// stopped: see export.Options.Keep. Whether a file's rows are the same is seen by their hash, so it
// does no harm if the logs or the flags have changed; these are what else is in a file.
func (r *Replay) keep() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %s", version.Text(), r.Config.Name, r.Config.Fingerprint())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// endStage ends what was not committed. The finished files of a replay that was stopped, or that could
// not read its logs to their ends, stay for the next run; those of one that was refused do not.
func (r *Replay) endStage(ctx context.Context, stage rowWriter, err error) {
	var refusal interface{ Refusal() bool }
	if err == nil || ctx.Err() == nil && errors.As(err, &refusal) && refusal.Refusal() {
		stage.Abort() // nothing, once it is committed
		return
	}
	if files, rows := stage.Leave(); files > 0 {
		r.left.files, r.left.rows = files, rows
	}
}

// stopped is what an error means if it is that the process was asked to stop, and says what stays for
// the next run.
func (r *Replay) stopped(ctx context.Context, err error) error {
	again := "nothing was written; the same command begins again"
	if r.left.files > 0 {
		again = fmt.Sprintf("nothing was committed; the same command goes on with what is kept, %s with %s",
			terminal.Count(r.left.files, "file"), terminal.Count(r.left.rows, "row"))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("stopped before the end of the logs: " + again)
	case r.left.files > 0:
		return fmt.Errorf("%w; %s", err, again)
	}
	return err
}
