package shards

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// Counts says what became of the rows of a day.
type Counts struct {
	Read      int64 `json:"read"`       // rows of the day's files, in all revisions
	Replaced  int64 `json:"replaced"`   // by a later revision
	Moved     int64 `json:"moved"`      // to another day, by an earlier copy of the request
	Withdrawn int64 `json:"withdrawn"`  // the newest revision takes them back
	Gap       int64 `json:"gap"`        // their windows touch a declared gap
	Open      int64 `json:"unfinished"` // their windows had not ended
	Sampled   int64 `json:"sampled_out"`
	Written   int64 `json:"written"`
	// Provisional are those of the written that have provisional labels.
	Provisional int64 `json:"provisional,omitempty"`
}

// settler decides which rows of a bucket are written, in which order and where.
type settler struct {
	plan    *plan
	opts    *Options
	rules   *joiner.Rules
	gaps    []events.Gap // that make labels unknown
	start   int64        // of the day, in microseconds
	through int64        // requests from here on are not closed, in microseconds
	reach   time.Duration
	split   *hasher
	sample  *hasher
	counts  *Counts

	ranked []ranked
	order  []int32
	out    [splits][]int32

	lastKey   []byte // of a split, and the share that its hash stands for
	lastShare float64
}

// ranked are rows that lie together and have the same hash.
type ranked struct {
	hash      uint64
	row, rows int32 // the first, and how many
}

func newSettler(d *dayExport) *settler {
	s := &settler{
		plan: d.plan, opts: d.opts, rules: d.opts.Rules, start: int64(d.start) / 1000, through: int64(d.through) / 1000,
		reach: d.reach, split: newHasher(d.opts.Splits.Salt), sample: newHasher("sample"), counts: &d.counts,
	}
	for _, g := range d.gaps {
		// The joiner could not write old rows again. What they say is doubtful all the
		// same: outcomes that would have made them positive are missing.
		g.Since = events.MinTime
		s.gaps = append(s.gaps, g)
	}
	return s
}

// settle sorts a bucket and returns the rows that are written, by split, in the order
// of their hashes, a request's rows together.
func (s *settler) settle(vectors []*vector) *[splits][]int32 {
	k := &s.plan.key
	n := vectors[k.requestID].rows()
	for i := range s.out {
		s.out[i] = s.out[i][:0]
	}
	hash, ts, revision := vectors[k.order].nums, vectors[k.requestTS].nums, vectors[k.revision].nums
	ids, items := vectors[k.requestID], vectors[k.itemID]
	s.sort(vectors)
	for i := 0; i < n; {
		first, begin := s.order[i], i
		best := first
		for i++; i < n; i++ {
			row, before := s.order[i], s.order[i-1]
			if hash[row] != hash[first] || !bytes.Equal(ids.bytes(int(row)), ids.bytes(int(first))) ||
				!bytes.Equal(items.bytes(int(row)), items.bytes(int(first))) ||
				microTime(int64(ts[row])) > microTime(int64(ts[before])).Add(s.reach) {
				break
			}
			if int64(revision[row]) >= int64(revision[best]) {
				best = row
			}
		}
		s.place(vectors, int(best), s.order[begin:i])
	}
	return &s.out
}

// sort sets the order of the rows: that of their hashes, and of rows of one hash that of their
// requests, items, times, revisions and files.
func (s *settler) sort(vectors []*vector) {
	k := &s.plan.key
	hash, ts, revision, file := vectors[k.order].nums, vectors[k.requestTS].nums, vectors[k.revision].nums, vectors[k.file].nums
	ids, items := vectors[k.requestID], vectors[k.itemID]
	s.ranked, s.order = s.ranked[:0], s.order[:0]
	// Rows of one request mostly lie together, so whole runs of a hash are sorted by it first.
	for row, h := range hash {
		if n := len(s.ranked); n > 0 && s.ranked[n-1].hash == h {
			s.ranked[n-1].rows++
			continue
		}
		s.ranked = append(s.ranked, ranked{h, int32(row), 1})
	}
	slices.SortFunc(s.ranked, func(a, b ranked) int { return cmp.Compare(a.hash, b.hash) })
	within := func(a, b int32) int {
		x, y := int(a), int(b)
		if c := bytes.Compare(ids.bytes(x), ids.bytes(y)); c != 0 {
			return c
		}
		if c := bytes.Compare(items.bytes(x), items.bytes(y)); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(int64(ts[x]), int64(ts[y])), cmp.Compare(int64(revision[x]), int64(revision[y])),
			cmp.Compare(file[x], file[y]))
	}
	for i := 0; i < len(s.ranked); {
		from, h := len(s.order), s.ranked[i].hash
		for ; i < len(s.ranked) && s.ranked[i].hash == h; i++ {
			for row := range s.ranked[i].rows {
				s.order = append(s.order, s.ranked[i].row+row)
			}
		}
		slices.SortFunc(s.order[from:], within)
	}
}

// place decides what becomes of a row, of which the group has all revisions and best
// is the newest.
func (s *settler) place(vectors []*vector, best int, group []int32) {
	k, c := &s.plan.key, s.counts
	real := int64(0)
	for _, row := range group {
		real += int64(1 - vectors[k.ghost].nums[row])
	}
	if vectors[k.ghost].nums[best] == 1 {
		c.Moved, c.Replaced = c.Moved+min(real, 1), c.Replaced+max(real-1, 0)
		return
	}
	c.Replaced += real - 1
	ts := int64(vectors[k.requestTS].nums[best])
	switch reason := vectors[k.reason].bytes(best); {
	case string(reason) == joiner.ReasonWithdrawn.String():
		c.Withdrawn++
		return
	case string(reason) == joiner.ReasonIncomplete.String(), string(reason) == joiner.ReasonPending.String(),
		ts >= s.through:
		c.Open++
		return
	case string(reason) == joiner.ReasonGap.String(), s.inGap(microTime(ts)):
		c.Gap++
		return
	}
	id := vectors[k.requestID].bytes(best)
	if !s.sampled(vectors, best, id) {
		c.Sampled++
		return
	}
	c.Written++
	to := s.splitOf(vectors, best, id, ts)
	if s.opts.Provisional {
		s.placeProvisional(vectors, best, group, to)
	}
	s.out[to] = append(s.out[to], int32(best))
}

// placeProvisional writes the revisions of a row that have provisional labels, before the newest one,
// with its weights: a row is in a sample with all of them, or with none. What a gap has made unknown
// is left out.
func (s *settler) placeProvisional(vectors []*vector, best int, group []int32, to int) {
	k, c := &s.plan.key, s.counts
	stage := vectors[k.stage]
	for _, row := range group {
		if int(row) == best || vectors[k.ghost].nums[row] == 1 || stage.null[row] ||
			string(stage.bytes(int(row))) != joiner.StageProvisional ||
			string(vectors[k.reason].bytes(int(row))) == joiner.ReasonGap.String() {
			continue
		}
		for _, at := range append([]int{k.weight}, s.plan.labelWeights...) {
			vectors[at].nums[row] = vectors[at].nums[best]
		}
		s.out[to] = append(s.out[to], row)
		c.Replaced, c.Written, c.Provisional = c.Replaced-1, c.Written+1, c.Provisional+1
	}
}

// sampled reports whether the sample has a row, and weighs it.
func (s *settler) sampled(vectors []*vector, row int, id []byte) bool {
	if len(s.plan.labelWeights) > 0 {
		return s.sampledByLabel(vectors, row, id)
	}
	rate := s.rate(vectors, row)
	if rate == 1 || s.positive(vectors, row) {
		return true
	}
	if share(s.sample.sum(id)) >= rate {
		return false
	}
	weight := &vectors[s.plan.key.weight].nums[row]
	*weight = math.Float64bits(math.Float64frombits(*weight) / rate)
	return true
}

// sampledByLabel is sampled where each label has a sample of its own. All samples are of one hash,
// so that the sample of a smaller share is part of that of a larger one, and a row is there with
// the largest of its labels' chances. Its weight is divided by that; a label's weight by the
// label's own chance, and it is 0 in rows that are not in the label's sample.
func (s *settler) sampledByLabel(vectors []*vector, row int, id []byte) bool {
	u, chance := share(s.sample.sum(id)), 0.0
	weight := &vectors[s.plan.key.weight].nums[row]
	whole := math.Float64frombits(*weight)
	for i, at := range s.plan.labels {
		v, own, mine := vectors[at], 0.0, s.opts.Sampling.labelRate(s.rules.Labels[i].Name)
		if !v.null[row] && labelValue(v, row) != 0 {
			mine = 1
		}
		if u < mine && !v.null[row] {
			own = whole / mine
		}
		vectors[s.plan.labelWeights[i]].nums[row] = math.Float64bits(own)
		chance = max(chance, mine)
	}
	*weight = math.Float64bits(whole / chance)
	return u < chance
}

// rate is the share of the negatives that are kept of a row's model.
func (s *settler) rate(vectors []*vector, row int) float64 {
	if models := vectors[s.plan.key.model]; len(s.opts.Sampling.Models) > 0 && !models.null[row] {
		if rate, known := s.opts.Sampling.Models[string(models.bytes(row))]; known {
			return rate
		}
	}
	return s.opts.Sampling.Negatives
}

func (s *settler) inGap(ts events.Time) bool {
	for i := range s.gaps {
		if s.rules.Touches(&s.gaps[i], ts) {
			return true
		}
	}
	return false
}

// positive reports whether a label is known and not zero.
func (s *settler) positive(vectors []*vector, row int) bool {
	for i, at := range s.plan.labels {
		if name := s.opts.Sampling.Label; name != "" && s.rules.Labels[i].Name != name {
			continue
		}
		if v := vectors[at]; !v.null[row] && labelValue(v, row) != 0 {
			return true
		}
	}
	return false
}

// labelValue is the value of a label that is not null.
func labelValue(v *vector, row int) float64 {
	if v.typ.Scalar.IsFloat() {
		return math.Float64frombits(v.nums[row])
	}
	return float64(int64(v.nums[row]))
}

// splitOf is the split of a row. Evaluation has the hashes from 0 on and the test those
// up to 1, so that a larger share takes rows from training and leaves the others where
// they are. By time, the day's last part is the test, and the part before it is for
// evaluation.
func (s *settler) splitOf(vectors []*vector, row int, id []byte, ts int64) int {
	by := &s.opts.Splits
	if by.By == SplitByTime {
		switch u := float64(ts-s.start) / float64(dayLength/time.Microsecond); {
		case u >= 1-by.Test:
			return splitTest
		case u >= 1-by.Test-by.Eval:
			return splitEval
		}
		return splitTrain
	}
	key := id
	switch by.By {
	case SplitByUser:
		if v := vectors[s.plan.key.userID]; !v.null[row] {
			key = v.bytes(row)
		}
	case SplitByColumn:
		if v := vectors[s.plan.split]; !v.null[row] {
			key = v.appendText(nil, row)
		}
	}
	// Rows of one request follow each other, and mostly have one key.
	if s.lastKey == nil || !bytes.Equal(key, s.lastKey) {
		s.lastKey, s.lastShare = append(s.lastKey[:0], key...), share(s.split.sum(key))
	}
	switch u := s.lastShare; {
	case u < by.Eval:
		return splitEval
	case u >= 1-by.Test:
		return splitTest
	}
	return splitTrain
}

// appendText appends a value as text, as SQL casts it.
func (v *vector) appendText(dst []byte, row int) []byte {
	switch v.typ.Scalar {
	case rowfile.ScalarString:
		return append(dst, v.bytes(row)...)
	case rowfile.ScalarDouble:
		return strconv.AppendFloat(dst, math.Float64frombits(v.num(row)), 'g', -1, 64)
	case rowfile.ScalarFloat32:
		return strconv.AppendFloat(dst, math.Float64frombits(v.num(row)), 'g', -1, 32)
	case rowfile.ScalarBool:
		return strconv.AppendBool(dst, v.num(row) != 0)
	}
	return strconv.AppendInt(dst, int64(v.num(row)), 10)
}
