// A reader of JSON in place. It is as strict as Go's, but for one bound: what
// is nested deeper than VIGIL__DEPTH is refused.
#ifndef VIGIL_JSON_H
#define VIGIL_JSON_H

enum { VIGIL__DEPTH = 64 };

typedef struct {
	const char *at, *end;
} vigil__json;

// vigil__next skips white space and returns the next byte, 0 at the end.
static inline char vigil__next(vigil__json *j) {
	while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) {
		j->at++;
	}
	return j->at < j->end ? *j->at : 0;
}

// vigil__take skips white space and the byte c if it comes next.
static inline bool vigil__take(vigil__json *j, char c) {
	const bool there = vigil__next(j) == c;
	j->at += there;
	return there;
}

static inline bool vigil__word(vigil__json *j, const char *word) {
	for (; *word != 0; word++, j->at++) {
		if (j->at == j->end || *j->at != *word) {
			return false;
		}
	}
	return true;
}

static inline int32_t vigil__hex(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// vigil__unit reads the four digits of \u, -1 if they are not there.
static inline int32_t vigil__unit(vigil__json *j) {
	int32_t unit = 0;
	for (int i = 0; i < 4; i++, j->at++) {
		const int32_t digit = j->at < j->end ? vigil__hex(*j->at) : -1;
		if (digit < 0) {
			return -1;
		}
		unit = 16 * unit + digit;
	}
	return unit;
}

// vigil__out is text that is written up to room bytes; len counts on, so that
// what was cut is seen.
typedef struct {
	char *at;
	uint32_t len, room;
} vigil__out;

static inline void vigil__put(vigil__out *o, char c) {
	if (o->len < o->room) {
		o->at[o->len] = c;
	}
	o->len++;
}

static inline void vigil__rune(vigil__out *o, uint32_t r) {
	if (r < 0x80) {
		vigil__put(o, (char)r);
		return;
	}
	if (r < 0x800) {
		vigil__put(o, (char)(0xc0 | r >> 6));
	} else if (r < 0x10000) {
		vigil__put(o, (char)(0xe0 | r >> 12));
		vigil__put(o, (char)(0x80 | (r >> 6 & 0x3f)));
	} else {
		vigil__put(o, (char)(0xf0 | r >> 18));
		vigil__put(o, (char)(0x80 | (r >> 12 & 0x3f)));
		vigil__put(o, (char)(0x80 | (r >> 6 & 0x3f)));
	}
	vigil__put(o, (char)(0x80 | (r & 0x3f)));
}

// vigil__escaped reads \uXXXX and its second half, if it has one. Half a
// character becomes U+FFFD, as in Go.
static inline bool vigil__escaped(vigil__json *j, vigil__out *o) {
	int32_t unit = vigil__unit(j);
	if (unit < 0) {
		return false;
	}
	if (unit >= 0xd800 && unit < 0xdc00 && j->end - j->at >= 6 && j->at[0] == '\\' && j->at[1] == 'u') {
		vigil__json ahead = {j->at + 2, j->end};
		const int32_t low = vigil__unit(&ahead);
		if (low >= 0xdc00 && low < 0xe000) {
			j->at = ahead.at;
			vigil__rune(o, (uint32_t)(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)));
			return true;
		}
	}
	vigil__rune(o, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : (uint32_t)unit);
	return true;
}

// vigil__string reads a string, its escapes resolved.
static inline bool vigil__string(vigil__json *j, vigil__out *o) {
	if (!vigil__take(j, '"')) {
		return false;
	}
	while (j->at < j->end && *j->at != '"') {
		char c = *j->at++;
		if ((uint8_t)c < 0x20) {
			return false;
		}
		if (c == '\\') {
			const char *from = "\"\\/bfnrtu", *to = "\"\\/\b\f\n\r\tu";
			uint32_t i = 0;
			c = j->at < j->end ? *j->at++ : 0;
			while (from[i] != 0 && from[i] != c) {
				i++;
			}
			if (from[i] == 0) {
				return false;
			}
			if (c == 'u') {
				if (!vigil__escaped(j, o)) {
					return false;
				}
				continue;
			}
			c = to[i];
		}
		vigil__put(o, c);
	}
	return vigil__take(j, '"');
}

static inline bool vigil__digits(vigil__json *j) {
	const char *first = j->at;
	while (j->at < j->end && *j->at >= '0' && *j->at <= '9') {
		j->at++;
	}
	return j->at > first;
}

static inline bool vigil__numeral(vigil__json *j) {
	j->at += *j->at == '-';
	const char *first = j->at;
	if (!vigil__digits(j) || (*first == '0' && j->at - first > 1)) {
		return false;
	}
	if (j->at < j->end && *j->at == '.') {
		j->at++;
		if (!vigil__digits(j)) {
			return false;
		}
	}
	if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
		j->at++;
		j->at += j->at < j->end && (*j->at == '-' || *j->at == '+');
		return vigil__digits(j);
	}
	return true;
}

// vigil__value passes a value of any kind.
static inline bool vigil__value(vigil__json *j, int depth) {
	const char open = vigil__next(j);
	vigil__out nowhere = {NULL, 0, 0};
	switch (open) {
	case '"':
		return vigil__string(j, &nowhere);
	case 't':
		return vigil__word(j, "true");
	case 'f':
		return vigil__word(j, "false");
	case 'n':
		return vigil__word(j, "null");
	case '{':
	case '[':
		break;
	default:
		return open != 0 && (open == '-' || (open >= '0' && open <= '9')) && vigil__numeral(j);
	}
	const char close = open == '{' ? '}' : ']';
	j->at++;
	if (vigil__take(j, close)) {
		return true;
	}
	if (depth == VIGIL__DEPTH) {
		return false;
	}
	do {
		if (open == '{' && (!vigil__string(j, &nowhere) || !vigil__take(j, ':'))) {
			return false;
		}
		if (!vigil__value(j, depth + 1)) {
			return false;
		}
	} while (vigil__take(j, ','));
	return vigil__take(j, close);
}

#endif
