// The guest's side of ABI v1 that policies and actions share: the imports that
// the host offers, and the buffer that it writes its messages to.
#ifndef VIGIL_GUEST_H
#define VIGIL_GUEST_H

#define VIGIL__IMPORT(name) __attribute__((import_module("vigil_v1"), import_name(name)))
#define VIGIL__EXPORT(name) __attribute__((export_name(name), used))

VIGIL__IMPORT("log") void vigil__host_log(int32_t level, const char *text, uint32_t len);
VIGIL__IMPORT("log_level") int32_t vigil_log_level(void);
VIGIL__IMPORT("deadline") int64_t vigil_deadline(void);
VIGIL__IMPORT("span_event") void vigil_span_event(const char *text, uint32_t len);
VIGIL__IMPORT("call") int64_t vigil_call(const char *op, uint32_t op_len, const char *req, uint32_t req_len);
VIGIL__IMPORT("reply") uint32_t vigil_reply(char *into, uint32_t room);

static inline void vigil_log(int32_t level, const char *text) { vigil__host_log(level, text, vigil__length(text)); }

enum { VIGIL__MAX_BUFFER = 64 << 20 };

static vigil__list vigil__buffered; // where the host writes, in words of 8 bytes

static inline int64_t vigil__bad_input(const char *message) {
	return vigil__refuse(VIGIL_BAD_INPUT, "bad_input", (vigil_bytes){"", 0}, message);
}

static inline int64_t vigil__no_memory(void) {
	return vigil__refuse(VIGIL_OUT_OF_MEMORY, "memory", (vigil_bytes){"", 0}, "out of memory");
}

static inline int64_t vigil__region(const void *at, uint32_t len) {
	return len == 0 ? 0 : (int64_t)((uint64_t)(uintptr_t)at << 32 | len);
}

// vigil__input reports whether the host's message lies in the buffer.
static inline bool vigil__input(uint32_t ptr, uint32_t len) {
	const uint64_t off = (uint64_t)ptr - (uintptr_t)vigil__buffered.at, room = 8 * (uint64_t)vigil__buffered.room;
	return off <= room && len <= room - off && vigil__buffered.at != NULL;
}

VIGIL__EXPORT("vigil_abi_v1") void vigil__abi_v1(void) {}

VIGIL__EXPORT("vigil_last_error") int64_t vigil__last_error(void) {
	return vigil__region(vigil__fault.text, vigil__fault.len);
}

// vigil__buffer is the address of at least size bytes for the host's next
// message, 0 if that is too much to ask.
VIGIL__EXPORT("vigil_buffer") uint32_t vigil__buffer(uint32_t size) {
	const uint32_t words = size / 8 + 1;
	if (size > VIGIL__MAX_BUFFER || !vigil__room(&vigil__buffered, words, 8)) {
		return 0;
	}
	return (uint32_t)(uintptr_t)vigil__buffered.at;
}

#endif
