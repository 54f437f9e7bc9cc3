package jsonevent

// numeral reads the number at i, of which w is the beginning. It is -1 if it has
// another form, or none.
func (b *page) numeral(w uint64, i int) (n numeral, end int) {
	if byte(w) == '-' {
		n.negative = true
		i++
		w = b.word(i)
	}
	x := w ^ ones*'0'
	start := i
	if byte(w>>8) == '.' && byte(x) <= 9 {
		n.digits = x & 0xFF
		i++
	} else {
		count := lowest(nonDigits(x))
		if count == 0 || count > 1 && byte(x) == 0 {
			return n, -1
		}
		n.digits = valueOf(x, count)
		if i += count; count == 8 {
			n.digits, i = b.moreDigits(n.digits, i)
		}
	}
	total := i - start
	c := b.at(i)
	if c == '.' {
		i++
		x = b.word(i) ^ ones*'0'
		count := lowest(nonDigits(x))
		if count == 0 {
			return n, -1
		}
		n.digits = n.digits*tens[count] + valueOf(x, count)
		n.fraction = count
		if i += count; count == 8 {
			from := i
			n.digits, i = b.moreDigits(n.digits, i)
			n.fraction += i - from
		}
		total += n.fraction
		c = b.at(i)
	}
	if total > 19 || c|0x20 == 'e' {
		return n, -1
	}
	return n, i
}

// moreDigits appends the digits at i to n, of which there must not be more than
// 19 together.
func (b *page) moreDigits(n uint64, i int) (uint64, int) {
	for {
		x := b.word(i) ^ ones*'0'
		count := lowest(nonDigits(x))
		if count == 0 {
			return n, i
		}
		n = n*tens[count] + valueOf(x, count)
		i += count
		if count < 8 {
			return n, i
		}
	}
}

// valueOf is the number that the lowest count bytes of x, each a digit, spell.
// Pairs become numbers to 99, pairs of these to 9999, and so on. With zeros in
// front it is always eight digits.
func valueOf(x uint64, count int) uint64 {
	x <<= uint(64-8*count) & 63
	x = x*10 + x>>8
	const pairs = 0x000000FF000000FF
	return ((x&pairs)*(100+1000000<<32) + (x>>16&pairs)*(1+10000<<32)) >> 32
}
