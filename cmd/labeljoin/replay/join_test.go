package replay

import (
	"context"
	"errors"
	"testing"

	"github.com/labeljoin/labeljoin/joiner/batch"
)

// TestTheErrorThatStopsTheOther: of the two that run at the same time, the one that fails stops the
// other, and what the other says of being stopped hides nothing.
func TestTheErrorThatStopsTheOther(t *testing.T) {
	stopped := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	damaged := errors.New("damaged")
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]struct {
		ctx        context.Context
		look, join func(context.Context) error
		want       error
	}{
		"the join fails while it is still looked": {t.Context(), stopped, func(context.Context) error { return damaged },
			damaged},
		"what is found stops the join": {t.Context(), func(context.Context) error { return damaged }, stopped,
			damaged},
		"both are stopped": {ended, stopped, stopped, context.Canceled},
		"neither fails": {t.Context(), func(context.Context) error { return nil },
			func(context.Context) error { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := besides(c.ctx, c.look, func(ctx context.Context) (*batch.Result, error) {
				return &batch.Result{}, c.join(ctx)
			})
			if !errors.Is(err, c.want) || err == nil && result == nil {
				t.Errorf("it returns %v and the error %v, want %v", result, err, c.want)
			}
		})
	}
}
