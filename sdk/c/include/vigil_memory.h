// Memory of a guest without a C library. Nothing is ever freed: what grows is
// doubled, so that what is left behind is at most as much as what is in use.
// Names with two underscores are the SDK's own.
#ifndef VIGIL_MEMORY_H
#define VIGIL_MEMORY_H

extern unsigned char __heap_base; // the linker's: where free memory begins

static uintptr_t vigil__top; // the first free byte; 0 before the first use

// vigil__grown makes the memory reach to end.
static inline bool vigil__grown(uint64_t end) {
	const uint64_t page = 65536, have = __builtin_wasm_memory_size(0) * page;
	if (end > INT32_MAX) {
		return false; // a result could not name it
	}
	return end <= have || __builtin_wasm_memory_grow(0, (size_t)((end - have + page - 1) / page)) != SIZE_MAX;
}

static inline void *vigil_alloc(size_t size) {
	if (vigil__top == 0) {
		vigil__top = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
	}
	const uint64_t end = ((uint64_t)vigil__top + size + 7) & ~(uint64_t)7;
	if (!vigil__grown(end)) {
		return NULL;
	}
	void *p = (void *)vigil__top;
	vigil__top = (uintptr_t)end;
	return p;
}

// vigil__list is a list of items that grows.
typedef struct {
	void *at;
	uint32_t len, room; // in items
} vigil__list;

// vigil__room makes room for more items behind the list's own.
static inline bool vigil__room(vigil__list *l, uint32_t more, size_t item) {
	const uint64_t want = (uint64_t)l->len + more;
	if (want <= l->room) {
		return true;
	}
	const uint64_t room = want < 2 * (uint64_t)l->room ? 2 * (uint64_t)l->room : want;
	if (room * item > INT32_MAX) {
		return false;
	}
	void *p = vigil_alloc((size_t)(room * item));
	if (p == NULL) {
		return false;
	}
	if (l->len > 0) {
		__builtin_memcpy(p, l->at, l->len * item);
	}
	l->at = p;
	l->room = (uint32_t)room;
	return true;
}

static inline uint32_t vigil__length(const char *s) {
	uint32_t n = 0;
	while (s[n] != 0) {
		n++;
	}
	return n;
}

// vigil__compare orders bytes as Go orders strings.
static inline int vigil__compare(vigil_bytes a, vigil_bytes b) {
	for (uint32_t i = 0; i < a.len && i < b.len; i++) {
		if (a.at[i] != b.at[i]) {
			return (uint8_t)a.at[i] < (uint8_t)b.at[i] ? -1 : 1;
		}
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static inline vigil_bytes vigil__bytes(const char *s) {
	return (vigil_bytes){s, vigil__length(s)};
}

#endif
