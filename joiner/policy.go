package joiner

// leaveOut marks the negative rows that the policies drop and weighs those
// that sampling keeps. Rows with a positive label always stay.
func (d *Decision) leaveOut(rows []Row) {
	below := d.lastPositive(rows)
	kept := d.rules.SampleRate <= 0 || sampled(d.req.ID, d.rules.SampleRate)
	for i := range rows {
		if d.positive(i) {
			continue
		}
		switch {
		case d.rules.Negatives == NegativesSeen && !d.seen[i]:
			rows[i].LeftOut = Unseen
		case d.rules.Negatives == NegativesAboveLastPositive && d.position(i) > below:
			rows[i].LeftOut = Unseen
		case !kept:
			rows[i].LeftOut = SampledOut
		case d.rules.SampleRate > 0:
			rows[i].Weight = 1 / d.rules.SampleRate
		}
	}
}

// lastPositive is the position of the lowest positive row; with no positive
// nothing is below it.
func (d *Decision) lastPositive(rows []Row) int64 {
	last, found := int64(0), false
	for i := range rows {
		if p := d.position(i); d.positive(i) && (!found || p > last) {
			last, found = p, true
		}
	}
	if !found {
		return 1<<63 - 1
	}
	return last
}

// position is where a row stood: as its item says, or else as it was listed.
func (d *Decision) position(row int) int64 {
	if row < len(d.req.Items) && d.req.Items[row].HasPosition {
		return d.req.Items[row].Position
	}
	return int64(row)
}

// sampled decides by a hash of the request id whether the negatives of a
// request are kept: FNV-1a with the finalizer of MurmurHash3, whose high bits
// are uniform where FNV's own are not. The decision is the same everywhere and
// for ever, which is why the hash is spelled out here.
func sampled(id string, rate float64) bool {
	h := uint64(14695981039346656037)
	for i := 0; i < len(id); i++ {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11)/(1<<53) < rate
}
