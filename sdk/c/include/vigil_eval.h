// A policy's side of ABI v1: the exports that the host calls, and what the
// instance knows, its series and its policies. Integers of a message are checked
// before use, as a guest in Go does.
#ifndef VIGIL_EVAL_H
#define VIGIL_EVAL_H

// vigil__known is a series of the dictionary: pairs of name and value.
typedef struct {
	uint64_t id;
	const vigil_bytes *labels;
	uint32_t pairs;
	bool told;
} vigil__known;

static struct {
	vigil__list series;  // of vigil__known, by dict_ref
	vigil__list configs; // of vigil__config, in the order of their numbers
	vigil__list symbols; // of vigil_bytes, of the dictionary message being read
	const vigil__known *dict; // series.at
} vigil__guest;

typedef struct {
	uint32_t number;
	void *settings;
} vigil__config;

// ---- Settings --------------------------------------------------------------

// vigil__find is the place of a policy among the configs, or where it belongs.
static inline uint32_t vigil__find(uint32_t number) {
	const vigil__config *all = vigil__guest.configs.at;
	uint32_t low = 0, high = vigil__guest.configs.len;
	while (low < high) {
		const uint32_t middle = (low + high) / 2;
		if (all[middle].number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static inline const void *vigil__settings_of(uint32_t number) {
	const uint32_t i = vigil__find(number);
	const vigil__config *all = vigil__guest.configs.at;
	return i < vigil__guest.configs.len && all[i].number == number ? all[i].settings : NULL;
}

// vigil__place returns room for the settings of a policy, new or not.
static inline int64_t vigil__place(uint32_t number, size_t size, void **into) {
	vigil__list *l = &vigil__guest.configs;
	const uint32_t i = vigil__find(number);
	vigil__config *all = l->at;
	if (i < l->len && all[i].number == number) {
		*into = all[i].settings;
		return 0;
	}
	if (l->len == VIGIL_MAX_CONFIGS) {
		return vigil__refuse(VIGIL_OUT_OF_MEMORY, "config_limit", (vigil_bytes){"", 0}, "too many policies on one instance");
	}
	*into = vigil_alloc(size);
	if (*into == NULL || !vigil__room(l, 1, sizeof *all)) {
		return vigil__no_memory();
	}
	all = l->at;
	__builtin_memmove(all + i + 1, all + i, (l->len++ - i) * sizeof *all);
	all[i] = (vigil__config){number, *into};
	return 0;
}

// Settings that are refused leave those before them in force: they are decoded
// aside.
VIGIL__EXPORT("vigil_configure") int64_t vigil__configure(uint32_t config, uint32_t ptr, uint32_t len) {
	static void *aside;
	const size_t size = vigil_module.settings_size + 1; // never nothing
	if (!vigil__input(ptr, len)) {
		return vigil__bad_input("message outside the buffer");
	}
	aside = aside == NULL ? vigil_alloc(size) : aside;
	if (aside == NULL) {
		return vigil__no_memory();
	}
	void *into;
	__builtin_memset(aside, 0, size);
	int64_t errno = vigil__decode((vigil_bytes){(const char *)(uintptr_t)ptr, len}, aside);
	if (errno == 0) {
		errno = vigil__place(config, size, &into);
	}
	if (errno == 0) {
		__builtin_memcpy(into, aside, size);
	}
	return errno;
}

// ---- The dictionary --------------------------------------------------------

typedef struct {
	const char *at;
	uint32_t left;
} vigil__cursor;

static inline bool vigil__read(vigil__cursor *c, void *into, uint32_t size) {
	if (c->left < size) {
		return false;
	}
	__builtin_memcpy(into, c->at, size);
	c->at += size;
	c->left -= size;
	return true;
}

// vigil__read_symbols lists the strings of a dictionary, in place.
static inline int64_t vigil__read_symbols(vigil__cursor *c) {
	uint32_t count, len;
	vigil__list *l = &vigil__guest.symbols;
	l->len = 0;
	if (!vigil__read(c, &count, 4) || count > c->left / 4) {
		return vigil__bad_input("dictionary symbol count");
	}
	if (!vigil__room(l, count, sizeof(vigil_bytes))) {
		return vigil__no_memory();
	}
	for (; l->len < count; l->len++) {
		if (!vigil__read(c, &len, 4) || len > c->left) {
			return vigil__bad_input("dictionary symbol");
		}
		((vigil_bytes *)l->at)[l->len] = (vigil_bytes){c->at, len};
		c->at += len;
		c->left -= len;
	}
	return 0;
}

typedef struct {
	uint64_t id;
	uint32_t ref;
	uint16_t pairs, zero;
} vigil__entry;

// vigil__learn adds a series with the labels at c, which have been checked.
static inline bool vigil__learn(const vigil__entry *e, vigil__cursor *c) {
	vigil__list *l = &vigil__guest.series;
	vigil_bytes *labels = vigil_alloc(2 * e->pairs * sizeof *labels);
	const uint32_t more = e->ref < l->len ? 0 : e->ref + 1 - l->len;
	if (labels == NULL || !vigil__room(l, more, sizeof(vigil__known))) {
		return false;
	}
	vigil__known *all = l->at;
	__builtin_memset(all + l->len, 0, more * sizeof *all);
	l->len += more;
	for (uint32_t i = 0; i < 2u * e->pairs; i++) {
		uint32_t symbol;
		vigil__read(c, &symbol, 4);
		labels[i] = ((const vigil_bytes *)vigil__guest.symbols.at)[symbol];
	}
	all[e->ref] = (vigil__known){e->id, labels, e->pairs, true};
	vigil__guest.dict = all;
	return true;
}

// vigil__entries walks the series of a dictionary: to check them, or to learn.
static inline int64_t vigil__entries(vigil__cursor c, bool learn) {
	uint32_t count;
	vigil__entry e;
	if (!vigil__read(&c, &count, 4) || count > c.left / sizeof e) {
		return vigil__bad_input("dictionary series count");
	}
	for (; count > 0; count--) {
		if (!vigil__read(&c, &e, sizeof e) || e.pairs > c.left / 8) {
			return vigil__bad_input("dictionary series");
		}
		if (e.ref >= VIGIL_MAX_SERIES) {
			return vigil__refuse(VIGIL_BAD_INPUT, "series_limit", (vigil_bytes){"", 0}, "dict_ref over the limit");
		}
		if (learn && !vigil__learn(&e, &c)) {
			return vigil__no_memory();
		}
		for (uint32_t i = 0, symbol; !learn && i < 2u * e.pairs; i++) {
			if (!vigil__read(&c, &symbol, 4) || symbol >= vigil__guest.symbols.len) {
				return vigil__bad_input("dictionary series");
			}
		}
	}
	return c.left == 0 ? 0 : vigil__bad_input("dictionary length");
}

// The message is kept: labels point into it. A refused one teaches nothing.
VIGIL__EXPORT("vigil_series") int64_t vigil__series(uint32_t ptr, uint32_t len) {
	if (!vigil__input(ptr, len)) {
		return vigil__bad_input("message outside the buffer");
	}
	vigil__cursor c = {(const char *)(uintptr_t)ptr, len};
	int64_t errno = vigil__read_symbols(&c);
	if (errno == 0) {
		errno = vigil__entries(c, false);
	}
	if (errno != 0) {
		return errno;
	}
	char *kept = vigil_alloc(len);
	if (kept == NULL) {
		return vigil__no_memory();
	}
	__builtin_memcpy(kept, (const char *)(uintptr_t)ptr, len);
	c = (vigil__cursor){kept, len};
	errno = vigil__read_symbols(&c);
	return errno != 0 ? errno : vigil__entries(c, true);
}

static inline vigil_bytes vigil_label(const vigil_series *s, const char *name) {
	const vigil__known *k = &vigil__guest.dict[s->ref];
	const vigil_bytes want = vigil__bytes(name);
	for (uint32_t i = 0; i < k->pairs; i++) {
		if (vigil__compare(k->labels[2 * i], want) == 0) {
			return k->labels[2 * i + 1];
		}
	}
	return (vigil_bytes){"", 0};
}

// ---- Judging ---------------------------------------------------------------

// vigil__head is a batch's header as the host writes it.
typedef struct {
	uint32_t magic;
	uint16_t version, flags;
	uint32_t total, rows, samples, off_rows, off_times, off_values;
	int64_t now;
	uint64_t seq;
	uint32_t config, zero[3];
} vigil__head;

_Static_assert(sizeof(vigil__head) == 64 && sizeof(vigil__entry) == 16, "messages are as the host writes them");

static inline bool vigil__fits(uint32_t off, uint32_t count, uint32_t size, uint32_t total) {
	return off % 8 == 0 && off >= sizeof(vigil__head) && off <= total && (uint64_t)count * size <= total - off;
}

static inline int64_t vigil__check_head(const vigil__head *h, uint32_t len) {
	if (len < sizeof *h) {
		return vigil__bad_input("batch header");
	}
	if (h->magic != 0x31424756) { // VGB1
		return vigil__bad_input("batch magic");
	}
	if (h->version != 1) {
		return vigil__refuse(VIGIL_UNSUPPORTED, "bad_input", (vigil_bytes){"", 0}, "batch version");
	}
	if (h->total < sizeof *h || h->total > len) {
		return vigil__bad_input("batch length");
	}
	if (!vigil__fits(h->off_rows, h->rows, sizeof(vigil_row), h->total) || !vigil__fits(h->off_times, h->samples, 8, h->total) ||
	    !vigil__fits(h->off_values, h->samples, 8, h->total)) {
		return vigil__bad_input("batch offsets");
	}
	return 0;
}

// vigil__check_rows holds each row against the columns and the dictionary.
static inline int64_t vigil__check_rows(const vigil_row *rows, const vigil__head *h) {
	for (uint32_t i = 0; i < h->rows; i++) {
		if ((uint64_t)rows[i].first + rows[i].count > h->samples) {
			return vigil__bad_input("batch row");
		}
	}
	for (uint32_t i = 0; i < h->rows; i++) {
		const vigil__known *k = vigil__guest.dict + rows[i].ref;
		if (rows[i].ref >= vigil__guest.series.len || !k->told || k->id != rows[i].id) {
			return vigil__refuse(VIGIL_BAD_INPUT, "series_unknown", (vigil_bytes){"", 0}, "a row names a series that no dictionary did");
		}
	}
	return 0;
}

static inline vigil_series vigil_series_at(const vigil_batch *b, uint32_t i) {
	const vigil_row *r = &b->rows[i];
	return (vigil_series){
		.times = b->times + r->first, .values = b->values + r->first, .len = r->count,
		.flags = r->flags, .id = r->id, .ref = r->ref, .row = i, .now = b->now,
	};
}

static inline int64_t vigil__answer(void) {
	int64_t errno = vigil__said.failed;
	if (errno == 0) {
		errno = vigil__join();
	}
	if (errno == VIGIL_BAD_INPUT) {
		return vigil__refuse(errno, "too_many_decisions", (vigil_bytes){"", 0}, "more decisions than a reply holds; send smaller batches");
	}
	return errno == 0 ? vigil__region(vigil__said.reply.at, vigil__said.reply.len) : vigil__no_memory();
}

VIGIL__EXPORT("vigil_eval") int64_t vigil__eval(uint32_t ptr, uint32_t len) {
	const char *b = (const char *)(uintptr_t)ptr;
	const vigil__head *h = (const void *)b;
	if (!vigil__input(ptr, len)) {
		return vigil__bad_input("message outside the buffer");
	}
	int64_t errno = vigil__check_head(h, len);
	if (errno == 0) {
		errno = vigil__check_rows((const void *)(b + h->off_rows), h);
	}
	if (errno != 0) {
		return errno;
	}
	const void *settings = vigil__settings_of(h->config);
	if (settings == NULL) {
		return vigil__refuse(VIGIL_BAD_INPUT, "config_unknown", (vigil_bytes){"", 0}, "the batch names a policy that was never configured");
	}
	const vigil_batch batch = {
		.len = h->rows, .config = h->config, .flags = h->flags, .now = h->now, .seq = h->seq,
		.rows = (const void *)(b + h->off_rows), .times = (const void *)(b + h->off_times), .values = (const void *)(b + h->off_values),
	};
	vigil__forget();
	vigil_module.evaluate(&batch, settings);
	return vigil__answer();
}

#endif
