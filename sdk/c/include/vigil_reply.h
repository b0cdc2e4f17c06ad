// Decisions and their words, as they lie in the answer of vigil_eval: a count,
// the records, then the arena of text that they point into.
#ifndef VIGIL_REPLY_H
#define VIGIL_REPLY_H

enum { VIGIL__KIND_OK, VIGIL__KIND_FIRE, VIGIL__KIND_NO_DATA, VIGIL__KIND_INFO };
enum { VIGIL__REPLY_HEAD = 8 };

static struct {
	vigil__list records; // of vigil_decision, their offsets counting from the arena
	vigil__list text;    // the arena, of bytes
	vigil__list reply;   // both, as the host reads them
	vigil_decision spare; // of a decision that cannot be made, for reason failed
	vigil_decision *last;
	int64_t failed;
	bool full; // the last decision's message was cut
} vigil__said;

static inline void vigil__forget(void) {
	vigil__said.records.len = vigil__said.text.len = 0;
	vigil__said.failed = 0;
	vigil__said.last = &vigil__said.spare;
}

// vigil__slot is where the next decision goes.
static inline vigil_decision *vigil__slot(void) {
	vigil__list *r = &vigil__said.records;
	if (r->len == VIGIL_MAX_DECISIONS) {
		vigil__said.failed = VIGIL_BAD_INPUT;
		return &vigil__said.spare;
	}
	if (!vigil__room(r, 1, sizeof(vigil_decision))) {
		vigil__said.failed = VIGIL_OUT_OF_MEMORY;
		return &vigil__said.spare;
	}
	return (vigil_decision *)r->at + r->len++;
}

static inline vigil_decision *vigil__decide(const vigil_series *s, uint32_t at, uint8_t kind) {
	vigil_decision *d = vigil__slot();
	const bool sample = at < s->len;
	*d = (vigil_decision){
		.row = s->row, .kind = kind, .runbook = 0xFFFF,
		.value = sample ? s->values[at] : 0, .at = sample ? s->times[at] : s->now,
	};
	vigil__said.last = d;
	vigil__said.full = false;
	return d;
}

static inline vigil_decision *vigil_ok(const vigil_series *s, uint32_t at) { return vigil__decide(s, at, VIGIL__KIND_OK); }
static inline vigil_decision *vigil_fire(const vigil_series *s, uint32_t at) { return vigil__decide(s, at, VIGIL__KIND_FIRE); }
static inline vigil_decision *vigil_no_data(const vigil_series *s, uint32_t at) { return vigil__decide(s, at, VIGIL__KIND_NO_DATA); }
static inline vigil_decision *vigil_info(const vigil_series *s, uint32_t at) { return vigil__decide(s, at, VIGIL__KIND_INFO); }

// vigil__write appends bytes to the arena, if there is memory for them.
static inline bool vigil__write(const void *at, uint32_t len) {
	vigil__list *text = &vigil__said.text;
	if (!vigil__room(text, len, 1)) {
		vigil__said.failed = VIGIL_OUT_OF_MEMORY;
		return false;
	}
	__builtin_memcpy((char *)text->at + text->len, at, len);
	text->len += len;
	return true;
}

static inline uint32_t vigil__least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static inline void vigil_say_bytes(vigil_bytes s) {
	vigil_decision *d = vigil__said.last;
	if (vigil__said.full || d->kv_len > 0) {
		return;
	}
	uint32_t n = vigil__least(s.len, vigil__least(VIGIL_MAX_MESSAGE - d->msg_len, VIGIL_MAX_TEXT - vigil__said.text.len));
	vigil__said.full = n < s.len;
	while (n > 0 && n < s.len && (s.at[n] & 0xc0) == 0x80) {
		n--; // never within a character
	}
	if (d->msg_len == 0) {
		d->msg_off = vigil__said.text.len;
	}
	if (vigil__write(s.at, n)) {
		d->msg_len += n;
	}
}

static inline void vigil_say(const char *text) { vigil_say_bytes(vigil__bytes(text)); }

static inline void vigil_say_number(double v) {
	char text[16];
	const uint32_t len = vigil__formatted(text, v);
	vigil_say_bytes((vigil_bytes){text, len});
}

static inline void vigil_detail(vigil_bytes name, vigil_bytes value) {
	vigil_decision *d = vigil__said.last;
	const uint64_t size = 4 + (uint64_t)name.len + value.len;
	if (d->kv_len + size > VIGIL_MAX_DETAILS || vigil__said.text.len + size > VIGIL_MAX_TEXT) {
		return;
	}
	const uint16_t lengths[] = {(uint16_t)name.len, (uint16_t)value.len};
	const uint32_t start = vigil__said.text.len;
	if (vigil__write(&lengths[0], 2) && vigil__write(name.at, name.len) && vigil__write(&lengths[1], 2) && vigil__write(value.at, value.len)) {
		d->kv_off = d->kv_len == 0 ? start : d->kv_off;
		d->kv_len += (uint32_t)size;
	}
}

// vigil__join puts the answer together; its bytes are in vigil__said.reply.
static inline int64_t vigil__join(void) {
	const vigil__list *r = &vigil__said.records, *text = &vigil__said.text;
	const uint32_t base = VIGIL__REPLY_HEAD + r->len * (uint32_t)sizeof(vigil_decision);
	vigil__list *out = &vigil__said.reply;
	out->len = 0;
	if (!vigil__room(out, base + text->len, 1)) {
		return VIGIL_OUT_OF_MEMORY;
	}
	vigil_decision *d = r->at;
	for (uint32_t i = 0; i < r->len; i++) {
		d[i].msg_off += base;
		d[i].kv_off += base;
	}
	const uint32_t head[2] = {r->len, 0};
	__builtin_memcpy(out->at, head, sizeof head);
	__builtin_memcpy((char *)out->at + sizeof head, d, base - sizeof head);
	__builtin_memcpy((char *)out->at + base, text->at, text->len);
	out->len = base + text->len;
	return 0;
}

_Static_assert(sizeof(vigil_decision) == 48 && sizeof(vigil_row) == 24, "records are as the host reads them");

#endif
