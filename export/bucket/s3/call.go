package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// How long one request may take: the answer, and each byte of its content.
const (
	answerTime  = 30 * time.Second
	bytesPerSec = 256 << 10
	// stopTime is how long a request may take once Stop is closed: a last commit is made,
	// and a store that is away is not waited for.
	stopTime = 10 * time.Second
)

// call makes a request. One that was not answered, or that the store asks to make again, is
// made again for as long as Options say. Requests must bear being made twice.
func (b *Bucket) call(what string, size int64, request func(ctx context.Context) error) error {
	number, pause := -1, b.Pause
	begun := time.Now()
	defer func() { b.wait(number, nil) }()
	for {
		err := b.once(size, request)
		if err == nil || !again(err) && !(isRefused(err) && b.steadfast()) {
			return told(b.String(), what, err)
		}
		err = &UnreachableError{Place: b.String(), What: what, Err: err}
		if b.RetryFor > 0 && time.Since(begun)+pause > b.RetryFor {
			return err
		}
		number = b.wait(number, err)
		if !b.rest(pause) {
			return err
		}
		pause = min(2*pause, 30*b.Pause)
	}
}

// steadfast reports whether to wait even where the store refuses: it took requests before,
// and a key that is being exchanged is no reason to stop what waits without limit.
func (b *Bucket) steadfast() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fit && b.RetryFor == 0
}

// once makes a request once.
func (b *Bucket) once(size int64, request func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime+time.Duration(size/bytesPerSec)*time.Second)
	defer cancel()
	if b.Stop == nil {
		return request(ctx)
	}
	done := make(chan struct{})
	defer close(done)
	go func() { // ended with this function, or when the request had its time
		select {
		case <-b.Stop:
			rest := time.NewTimer(stopTime)
			defer rest.Stop()
			select {
			case <-rest.C:
				cancel()
			case <-done:
			}
		case <-done:
		}
	}()
	return request(ctx)
}

// rest waits, and reports whether to go on after that.
func (b *Bucket) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.Stop:
		return false
	}
}

// wait notes that a request waits, or no more where the cause is nil, and tells it. The
// request's number is -1 before it waits for the first time.
func (b *Bucket) wait(number int, cause error) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number < 0 {
		if cause == nil {
			return number
		}
		number = b.requests
		b.requests++
	}
	before := len(b.waiting)
	if cause == nil {
		delete(b.waiting, number)
	} else {
		b.waiting[number] = cause
	}
	if b.Waits != nil && (cause != nil || before > 0 && len(b.waiting) == 0) {
		b.Waits(cause)
	}
	return number
}

// again reports whether a request may be answered if it is made again: there was no
// answer, or one that is about the store or the moment and not about the request.
func again(err error) bool {
	if _, here := errors.AsType[*fs.PathError](err); here || errors.Is(err, errReplaced) || errors.Is(err, errClosed) {
		return false // it is this machine's disk, or will not change
	}
	r := answerOf(err)
	switch r.StatusCode {
	case 0: // no answer, or one that broke off
		return true
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests, 499:
		return true
	case http.StatusNotImplemented:
		return false
	}
	switch r.Code {
	case "RequestTimeTooSkewed", "ExpiredToken", "ExpiredTokenException", "SlowDown", "Throttling":
		return true
	}
	return r.StatusCode >= 500
}

// isAnswer reports whether an error is what a store has answered.
func isAnswer(err error) bool {
	_, ok := errors.AsType[minio.ErrorResponse](err)
	return ok
}

// answerOf is what a store has answered; nothing for any other error.
func answerOf(err error) minio.ErrorResponse {
	r, _ := errors.AsType[minio.ErrorResponse](err)
	return r
}

// told is an error as it is told to people. It keeps fs.ErrNotExist and bucket.ErrExist.
func told(place, what string, err error) error {
	if err == nil {
		return nil
	}
	r := answerOf(err)
	switch {
	case isMissing(err) || !isAnswer(err):
		return fmt.Errorf("%s: %s: %w", place, what, err)
	case r.Code == noSuchBucket:
		return &SettingError{Place: place, What: what, Err: err, Way: "make the bucket, or correct the address"}
	case isRefused(err):
		return &SettingError{Place: place, What: what, Err: err,
			Way: "check the access key (AWS_ACCESS_KEY_ID, or s3.access_key), and that it may list, read, write and delete here"}
	case r.StatusCode == http.StatusMovedPermanently || r.Code == "AuthorizationHeaderMalformed" ||
		r.Code == "PermanentRedirect":
		return &SettingError{Place: place, What: what, Err: err, Way: "set s3.region and s3.endpoint to those of the bucket"}
	}
	return fmt.Errorf("%s: %s: %w", place, what, err)
}

// isMissing reports whether a store has answered that there is no such object.
func isMissing(err error) bool {
	r := answerOf(err)
	return r.Code == "NoSuchKey" || r.StatusCode == http.StatusNotFound && r.Code != noSuchBucket
}

// noSuchBucket is what a store answers that does not know the bucket.
const noSuchBucket = "NoSuchBucket"

// isRefused reports whether a store has answered that this is not allowed, or that there
// is no such bucket.
func isRefused(err error) bool {
	r := answerOf(err)
	return r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized || r.Code == noSuchBucket
}

// UnreachableError says that a store did not answer, or could not do what was asked of it
// at that time. To try again may help.
type UnreachableError struct {
	Place, What string
	Err         error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: %s: the store does not answer, or cannot do it now: %v", e.Place, e.What, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// SettingError says that a store refuses what the configuration makes of it.
type SettingError struct {
	Place, What string
	Err         error
	Way         string // out of it
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s: %s: the store refuses it: %v: %s", e.Place, e.What, e.Err, e.Way)
}

func (e *SettingError) Unwrap() error { return e.Err }

// Misuse reports that the configuration has to be changed.
func (e *SettingError) Misuse() bool { return true }
