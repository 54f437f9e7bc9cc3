package shards

import (
	"context"
	"errors"
	"sync/atomic"
)

// settledBucket is a bucket in memory, with the rows of it that are written.
type settledBucket struct {
	vectors []*vector
	settler *settler
	rows    *[splits][]int32
	err     error
}

func (d *dayExport) newSettledBucket() *settledBucket {
	b := &settledBucket{settler: newSettler(d)}
	b.vectors = d.plan.vectors()
	return b
}

func (b *settledBucket) load(s *spill, number int) error {
	if b.err = s.load(number, b.vectors); b.err == nil {
		b.rows = b.settler.settle(b.vectors)
	}
	return b.err
}

// eachBucket calls take with the buckets, one after the other. With several workers the next bucket
// is read and settled meanwhile.
func (d *dayExport) eachBucket(ctx context.Context, s *spill, take func(number int, b *settledBucket) error) error {
	if d.opts.Workers == 1 {
		b := d.newSettledBucket()
		for number := range s.buckets {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := b.load(s, number); err != nil {
				return err
			}
			if err := take(number, b); err != nil {
				return err
			}
		}
		return nil
	}
	reading, stop := context.WithCancel(ctx)
	const ahead = 2 // one that is taken, and one that is read
	free, read := make(chan *settledBucket, ahead), make(chan *settledBucket, ahead)
	for range ahead {
		free <- d.newSettledBucket()
	}
	go func() { // ends with the last bucket, or is stopped and waited for below
		defer close(read)
		for number := range s.buckets {
			select {
			case b := <-free:
				failed := b.load(s, number) != nil
				read <- b
				if failed {
					return
				}
			case <-reading.Done():
				return
			}
		}
	}()
	defer func() {
		stop()
		for range read { // until it is closed: the scratch file is read no more
		}
	}()
	for number := range s.buckets {
		b, ok := <-read
		switch {
		case !ok:
			return ctx.Err()
		case b.err != nil:
			return b.err
		}
		if err := take(number, b); err != nil {
			return err
		}
		free <- b
	}
	return nil
}

// spilling puts portions into the scratch file. With several workers the next portion is read
// meanwhile.
type spilling struct {
	day   *dayExport
	spill *spill
	r     *portion // that is being read
	free  chan *portion
	full  chan *portion // nil: one worker does all
	done  chan error    // what became of the portions
	// failed says that one could not be put there, so that there is no need to read more.
	failed atomic.Bool
}

func (d *dayExport) newSpilling(s *spill) *spilling {
	p := &spilling{day: d, spill: s, r: newPortion(d.plan, d.opts)}
	d.unfit = p.r.unfit
	if d.opts.Workers == 1 {
		return p
	}
	other := newPortion(d.plan, d.opts)
	other.unfit, other.order = p.r.unfit, p.r.order // one portion is read at a time
	p.free, p.full, p.done = make(chan *portion, 2), make(chan *portion), make(chan error, 1)
	p.free <- other
	go func() { // ended by end
		var err error
		for r := range p.full {
			if err == nil {
				err = p.put(r)
				p.failed.Store(err != nil)
			}
			r.reset()
			p.free <- r
		}
		p.done <- err
	}()
	return p
}

// errNotSpilled ends reading where the scratch file could not be written. end has the cause.
var errNotSpilled = errors.New("the scratch file could not be written")

// flush puts the portion into the scratch file, or has it put there, and begins another.
func (p *spilling) flush() error {
	if p.r.rows() == 0 {
		return nil
	}
	if p.full == nil {
		err := p.put(p.r)
		p.r.reset()
		return err
	}
	p.full <- p.r
	p.r = <-p.free
	if p.failed.Load() {
		return errNotSpilled
	}
	return nil
}

// end waits until everything is in the scratch file.
func (p *spilling) end() error {
	if p.full == nil {
		return nil
	}
	close(p.full)
	return <-p.done
}

// put adds a portion to the scratch file.
func (p *spilling) put(r *portion) error {
	buckets := make([]uint16, r.rows())
	for i, hash := range r.vectors[p.day.plan.key.order].nums {
		buckets[i] = uint16(part(hash, p.spill.buckets))
	}
	return p.spill.add(r.vectors, buckets)
}
