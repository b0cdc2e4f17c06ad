// Numbers to decimal and back, exactly: the nearest double to a decimal of any
// length, and the six significant digits nearest to a double, both rounded half
// to even. One large integer serves both ways; neither is on the hot path.
#ifndef VIGIL_NUMBER_H
#define VIGIL_NUMBER_H

enum { VIGIL__LIMBS = 160 }; // 5120 bits: a quotient of 780 digits by 10^1110 needs 3800

typedef struct {
	uint32_t len; // limbs in use, the last is not zero
	uint32_t limb[VIGIL__LIMBS];
} vigil__big;

// vigil__times makes b into b * m + add. The callers' bounds keep it in room.
static inline void vigil__times(vigil__big *b, uint32_t m, uint32_t add) {
	uint64_t carry = add;
	for (uint32_t i = 0; i < b->len; i++) {
		carry += (uint64_t)b->limb[i] * m;
		b->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry > 0 && b->len < VIGIL__LIMBS) {
		b->limb[b->len++] = (uint32_t)carry;
	}
}

// vigil__divided makes b into b / d and returns the remainder.
static inline uint32_t vigil__divided(vigil__big *b, uint32_t d) {
	uint64_t rest = 0;
	for (uint32_t i = b->len; i-- > 0;) {
		rest = rest << 32 | b->limb[i];
		b->limb[i] = (uint32_t)(rest / d);
		rest %= d;
	}
	while (b->len > 0 && b->limb[b->len - 1] == 0) {
		b->len--;
	}
	return (uint32_t)rest;
}

// vigil__power multiplies b by base^n, step by step of base^most < 2^32.
static inline void vigil__power(vigil__big *b, uint32_t base, uint32_t most, uint32_t n) {
	while (n > 0) {
		uint32_t m = 1;
		for (uint32_t i = 0; i < most && n > 0; i++, n--) {
			m *= base;
		}
		vigil__times(b, m, 0);
	}
}

static inline uint32_t vigil__bits(const vigil__big *b) {
	return b->len == 0 ? 0 : 32 * b->len - (uint32_t)__builtin_clz(b->limb[b->len - 1]);
}

static inline bool vigil__bit(const vigil__big *b, uint32_t i) {
	return i / 32 < b->len && (b->limb[i / 32] >> i % 32 & 1) != 0;
}

// vigil__nearest is the double nearest to b * 2^exp, a little more if rest;
// false if it is too large for one.
static inline bool vigil__nearest(const vigil__big *b, int32_t exp, bool rest, double *out) {
	const int32_t top = (int32_t)vigil__bits(b) - 1 + exp;
	int32_t low = top - 52 < -1074 ? -1074 : top - 52; // the weight of the last bit kept
	const int32_t drop = low - exp;
	uint64_t m = 0;
	for (int32_t i = 53; i >= 0; i--) {
		m = m << 1 | (drop + i >= 0 && vigil__bit(b, (uint32_t)(drop + i)));
	}
	for (int32_t i = 0; i < drop - 1 && !rest; i++) {
		rest = vigil__bit(b, (uint32_t)i);
	}
	if (drop > 0 && vigil__bit(b, (uint32_t)(drop - 1)) && (rest || (m & 1) != 0)) {
		m++;
	}
	if (m >> 53 != 0) {
		m >>= 1;
		low++;
	}
	if (low > 971) {
		return false;
	}
	const uint64_t bits = m >> 52 == 0 ? m : (uint64_t)(low + 1075) << 52 | (m & ((1ull << 52) - 1));
	__builtin_memcpy(out, &bits, 8);
	return true;
}

// vigil__decimal is a decimal: digits * 10^exp. No double and no middle between
// two has more than 767 digits, so that a 1 may stand for all further ones.
typedef struct {
	vigil__big digits;
	uint32_t len; // digits, without zeros in front
	int32_t exp;
	bool more; // digits other than zero were left out
} vigil__decimal;

static inline void vigil__digit(vigil__decimal *d, char c, bool fraction) {
	if (d->len < 780) {
		const bool first = d->len == 0;
		d->len += !first || c != '0';
		if (first) {
			d->digits.limb[0] = (uint32_t)(c - '0');
			d->digits.len = d->len;
		} else {
			vigil__times(&d->digits, 10, (uint32_t)(c - '0'));
		}
		d->exp -= fraction;
	} else {
		d->more = d->more || c != '0';
		d->exp += !fraction;
	}
}

// vigil__exponent reads what follows e in a number, held within what matters.
static inline int32_t vigil__exponent(const char *s, const char *end) {
	const bool minus = s < end && *s == '-';
	int32_t exp = 0;
	for (s += s < end && (*s == '-' || *s == '+'); s < end; s++) {
		exp = exp > 99999999 ? exp : 10 * exp + (*s - '0');
	}
	return minus ? -exp : exp;
}

// vigil__over10 is d / 10^k, shifted so that the quotient has 64 bits and more.
static inline bool vigil__over10(vigil__decimal *d, uint32_t k, double *out) {
	const int32_t lack = (int32_t)(k * 10 / 3) + 96 - (int32_t)vigil__bits(&d->digits);
	const uint32_t shift = lack > 0 ? (uint32_t)lack / 32 + 1 : 0;
	for (uint32_t i = d->digits.len; i-- > 0;) {
		d->digits.limb[i + shift] = d->digits.limb[i];
	}
	for (uint32_t i = 0; i < shift; i++) {
		d->digits.limb[i] = 0;
	}
	d->digits.len += shift;
	bool rest = d->more;
	for (; k >= 9; k -= 9) {
		rest |= vigil__divided(&d->digits, 1000000000) != 0;
	}
	for (; k > 0; k--) {
		rest |= vigil__divided(&d->digits, 10) != 0;
	}
	return vigil__nearest(&d->digits, -32 * (int32_t)shift, rest, out);
}

// vigil__parsed reads a number as JSON writes it; false if it is too large.
static inline bool vigil__parsed(vigil_bytes text, double *out) {
	static vigil__decimal d; // a kilobyte: not for the stack
	d.digits.len = d.len = 0;
	d.exp = 0;
	d.more = false;
	const char *s = text.at, *end = text.at + text.len;
	const bool minus = s < end && *s == '-';
	bool fraction = false, ok = true;
	for (s += minus; s < end && *s != 'e' && *s != 'E'; s++) {
		if (*s == '.') {
			fraction = true;
		} else {
			vigil__digit(&d, *s, fraction);
		}
	}
	d.exp += s < end ? vigil__exponent(s + 1, end) : 0;
	*out = 0;
	if (d.len > 0 && d.exp + (int32_t)d.len > 310) {
		return false;
	}
	if (d.len > 0 && d.exp + (int32_t)d.len > -330) {
		if (d.exp >= 0) {
			vigil__power(&d.digits, 10, 9, (uint32_t)d.exp);
			ok = vigil__nearest(&d.digits, 0, d.more, out);
		} else {
			ok = vigil__over10(&d, (uint32_t)-d.exp, out);
		}
	}
	*out = minus ? -*out : *out;
	return ok;
}

// vigil__expand writes all digits of m * 2^exp, at most 774 and none of them a
// leading zero. The value is 0.ddd * 10^point.
static inline uint32_t vigil__expand(char *out, uint64_t m, int32_t exp, int32_t *point) {
	static vigil__big b;
	char all[792];
	uint32_t i = sizeof all;
	b.limb[0] = (uint32_t)m;
	b.limb[1] = (uint32_t)(m >> 32);
	b.len = b.limb[1] > 0 ? 2 : 1;
	vigil__power(&b, exp < 0 ? 5 : 2, exp < 0 ? 13 : 31, (uint32_t)(exp < 0 ? -exp : exp));
	while (b.len > 0) {
		uint32_t nine = vigil__divided(&b, 1000000000);
		for (int k = 0; k < 9; k++, nine /= 10) {
			all[--i] = (char)('0' + nine % 10);
		}
	}
	while (all[i] == '0') {
		i++;
	}
	*point = (int32_t)(sizeof all - i) + (exp < 0 ? exp : 0);
	__builtin_memcpy(out, all + i, sizeof all - i);
	return sizeof all - i;
}

// vigil__six rounds len digits to six at most, without zeros at the end.
static inline uint32_t vigil__six(char *digits, uint32_t len, int32_t *point) {
	if (len > 6) {
		bool up = digits[6] > '5' || (digits[6] == '5' && (digits[5] & 1) != 0);
		for (uint32_t i = 7; i < len && digits[6] == '5' && !up; i++) {
			up = digits[i] != '0';
		}
		uint32_t i = 6;
		for (len = 6; up && i > 0; i--) {
			up = digits[i - 1] == '9';
			digits[i - 1] = up ? '0' : (char)(digits[i - 1] + 1);
		}
		if (up) { // nines only
			digits[0] = '1';
			(*point)++;
		}
	}
	while (len > 1 && digits[len - 1] == '0') {
		len--;
	}
	return len;
}

// vigil__layout puts the digits into out as %g does.
static inline uint32_t vigil__layout(char *out, const char *digits, int32_t len, int32_t point) {
	uint32_t n = 0;
	const int32_t exp = point - 1;
	const bool plain = exp >= -4 && exp < 6;
	for (int32_t i = plain && point < 1 ? point - 1 : 0; i < len || (plain && i < point); i++) {
		if (i == (plain ? point : 1)) {
			out[n++] = '.';
		}
		out[n++] = i >= 0 && i < len ? digits[i] : '0';
	}
	if (!plain) {
		const uint32_t e = (uint32_t)(exp < 0 ? -exp : exp);
		out[n++] = 'e';
		out[n++] = exp < 0 ? '-' : '+';
		if (e >= 100) {
			out[n++] = (char)('0' + e / 100);
		}
		out[n++] = (char)('0' + e / 10 % 10);
		out[n++] = (char)('0' + e % 10);
	}
	return n;
}

// vigil__formatted writes v with six significant digits, at most 16 bytes.
static inline uint32_t vigil__formatted(char out[16], double v) {
	uint64_t bits;
	char digits[792];
	int32_t point;
	__builtin_memcpy(&bits, &v, 8);
	const int32_t field = (int32_t)(bits >> 52 & 0x7ff);
	const uint64_t fraction = bits & ((1ull << 52) - 1);
	if (field == 0x7ff) {
		__builtin_memcpy(out, fraction != 0 ? "NaN" : bits >> 63 ? "-Inf" : "+Inf", 4);
		return fraction != 0 ? 3 : 4;
	}
	uint32_t n = 0;
	if (bits >> 63) {
		out[n++] = '-';
	}
	if ((bits << 1) == 0) {
		out[n++] = '0';
		return n;
	}
	uint32_t len = vigil__expand(digits, field == 0 ? fraction : fraction | 1ull << 52, (field == 0 ? 1 : field) - 1075, &point);
	len = vigil__six(digits, len, &point);
	return n + vigil__layout(out + n, digits, (int32_t)len, point);
}

#endif
