package page

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The codings of values.
const (
	codingXOR    = 0
	codingNumber = 1
	codingRising = 2
)

const (
	maxExponent = 9       // digits behind the point that are tried
	maxNumber   = 1 << 53 // whole numbers below it are exact as float64
)

// appendValues returns the values in the shortest of the codings; the bytes
// are valid until the next call.
func (e *Encoder) appendValues(values []float64) ([]byte, byte) {
	exponent, ok := e.asDecimals(values)
	if !ok {
		e.plain = e.plain[:0]
		var prev uint64
		for _, v := range values {
			cur := math.Float64bits(v)
			e.plain, prev = AppendXOR(e.plain, cur^prev), cur
		}
		return e.plain, codingXOR
	}
	e.number, e.rising = append(e.number[:0], exponent), append(e.rising[:0], exponent)
	var prev, delta int64
	for _, n := range e.decimals {
		d := n - prev
		e.number = binary.AppendVarint(e.number, d)
		e.rising = binary.AppendVarint(e.rising, d-delta)
		prev, delta = n, d
	}
	if len(e.rising) < len(e.number) {
		return e.rising, codingRising
	}
	return e.number, codingNumber
}

// asDecimals sets decimals to the values times 10^exponent, for the smallest
// exponent at which all come back bit for bit.
func (e *Encoder) asDecimals(values []float64) (exponent byte, ok bool) {
	e.decimals = e.decimals[:0]
	for i := 0; i < len(values); i++ {
		n, ok := decimal(values[i], exponent)
		if ok {
			e.decimals = append(e.decimals, n)
			continue
		}
		if exponent == maxExponent {
			return 0, false
		}
		exponent++ // and over again: what came before is in the old scale
		e.decimals, i = e.decimals[:0], -1
	}
	return exponent, true
}

// decimal returns v*10^exponent if v is exactly that many decimals.
func decimal(v float64, exponent byte) (int64, bool) {
	n := math.Round(v * power(exponent))
	if !(math.Abs(n) < maxNumber) { // also of NaN
		return 0, false
	}
	return int64(n), math.Float64bits(float64(int64(n))/power(exponent)) == math.Float64bits(v)
}

// power returns 10^n, exactly, for n ≤ maxExponent.
func power(n byte) float64 {
	return [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}[n]
}

// AppendXOR writes x as a byte, zero bytes above in its high half and below in
// its low one, and the bytes between.
func AppendXOR(dst []byte, x uint64) []byte {
	if x == 0 {
		return append(dst, 8<<4)
	}
	above, below := bits.LeadingZeros64(x)/8, bits.TrailingZeros64(x)/8
	dst = append(dst, byte(above<<4|below))
	for i := 7 - above; i >= below; i-- {
		dst = append(dst, byte(x>>(8*i)))
	}
	return dst
}

// ReadXOR reads what AppendXOR wrote and its length, or a length of zero.
func ReadXOR(b []byte) (x uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	above, below := int(b[0]>>4), int(b[0]&15)
	n = 9 - above - below
	if above+below > 8 || n > len(b) {
		return 0, 0
	}
	for _, c := range b[1:n] {
		x = x<<8 | uint64(c)
	}
	if below == 8 {
		return 0, n
	}
	return x << (8 * below), n
}

// readValues decodes exactly len(dst) values from all of b.
func readValues(dst []float64, b []byte, coding byte) bool {
	switch coding {
	case codingXOR:
		var prev uint64
		for i := range dst {
			x, n := ReadXOR(b)
			if n == 0 {
				return false
			}
			prev ^= x
			dst[i], b = math.Float64frombits(prev), b[n:]
		}
		return len(b) == 0
	case codingNumber, codingRising:
		if len(b) == 0 || b[0] > maxExponent {
			return false
		}
		scale := power(b[0])
		return readDecimals(dst, b[1:], scale, coding == codingRising)
	}
	return false
}

func readDecimals(dst []float64, b []byte, scale float64, rising bool) bool {
	var number, delta int64
	for i := range dst {
		d, n := binary.Varint(b)
		if n <= 0 {
			return false
		}
		if b = b[n:]; rising {
			delta += d
			d = delta
		}
		number += d
		dst[i] = float64(number) / scale
	}
	return len(b) == 0
}
