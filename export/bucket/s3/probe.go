package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
)

// The probe: its folder, how many requests race, and how often it is made again when it
// shows nothing because answers were lost.
const (
	probeDir   = "_probe"
	racers     = 8
	probeTries = 5
)

// Probe finds out whether the store creates an object only if it is absent: once in
// sequence, and once in a race of eight requests, of which exactly one must win. It does so
// once for each Bucket. The error is an *UnfitError if the store does not.
func (b *Bucket) Probe() error {
	b.mu.Lock()
	fit := b.fit
	b.mu.Unlock()
	if fit {
		return nil
	}
	for range probeTries {
		shown, err := b.probe()
		if err != nil {
			return err
		}
		if shown {
			b.mu.Lock()
			b.fit = true
			b.mu.Unlock()
			return nil
		}
	}
	return &UnreachableError{Place: b.String(), What: "probe the store",
		Err: errors.New("answers to conditional requests were lost again and again")}
}

// probe is one attempt. It is false if answers were lost, so that nothing is shown.
func (b *Bucket) probe() (shown bool, err error) {
	first, second := path.Join(probeDir, rand.Text()), path.Join(probeDir, rand.Text())
	defer func() { err = errors.Join(err, b.Remove(first), b.Remove(second)) }()
	// The first request waits for a store that is away.
	attempts := 0
	err = b.call("create "+first, 0, func(ctx context.Context) error {
		attempts++
		return b.create(ctx, first, []byte("first"))
	})
	if err != nil && !isTaken(err) {
		return false, err
	}
	if attempts > 1 || isTaken(err) { // an answer was lost, here or at a proxy
		return false, nil
	}
	switch err := b.once(0, func(ctx context.Context) error { return b.create(ctx, first, []byte("second")) }); {
	case err == nil:
		return false, b.unfit("it replaced an object that was to be created only if it is absent")
	case answerOf(err).StatusCode == http.StatusNotImplemented:
		return false, b.unfit("it knows no conditional requests")
	case !isTaken(err):
		return false, permanent(err)
	}
	return b.race(second)
}

// race lets requests create one object at once.
func (b *Bucket) race(name string) (shown bool, err error) {
	var racing sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		racing.Go(func() {
			errs[i] = b.once(0, func(ctx context.Context) error { return b.create(ctx, name, []byte{byte('0' + i)}) })
		})
	}
	racing.Wait()
	winner, won := 0, 0
	for i, err := range errs {
		switch status := answerOf(err).StatusCode; {
		case err == nil:
			winner, won = i, won+1
		case status != http.StatusPreconditionFailed && status != http.StatusConflict:
			return false, permanent(err)
		}
	}
	switch {
	case won == 0:
		return false, nil // each was told that another is at work
	case won > 1:
		return false, b.unfit(fmt.Sprintf("of %d requests that created one object at once, %d were told that they did",
			racers,
			won))
	}
	data, err := b.readAll(name)
	if err != nil {
		return false, err
	}
	if string(data) != string(byte('0'+winner)) {
		return false, b.unfit("of requests that created one object at once, another one's content is there than that of the winner")
	}
	return true, nil
}

// permanent is nil for an error after which the probe may be made again.
func permanent(err error) error {
	if again(err) {
		return nil
	}
	return err
}

func (b *Bucket) unfit(reason string) error { return &UnfitError{Place: b.String(), Reason: reason} }

// UnfitError says that a store cannot have an output, because two writers would not notice
// one another there.
type UnfitError struct {
	Place  string
	Reason string
}

func (e *UnfitError) Error() string {
	return fmt.Sprintf("%s: this store cannot keep two writers apart: %s. Use a store with conditional writes (If-None-Match), for Google Cloud Storage set s3.conditional: gcs, or write to a directory",
		e.Place, e.Reason)
}

// Misuse reports that the configuration has to be changed.
func (e *UnfitError) Misuse() bool { return true }
