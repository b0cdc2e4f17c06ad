// What policies and actions in C share: errors, bytes, settings, memory, the log.
#ifndef VIGIL_WORDS_H
#define VIGIL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What an export answers when it refuses.
enum {
	VIGIL_INTERNAL = -1,
	VIGIL_BAD_INPUT = -2,
	VIGIL_UNSUPPORTED = -3,
	VIGIL_BAD_SETTINGS = -4,
	VIGIL_OUT_OF_MEMORY = -5,
	VIGIL_DENIED = -6,
};

// Bytes that are no C string: there is no zero at their end.
typedef struct {
	const char *at;
	uint32_t len;
} vigil_bytes;

// ---- Settings --------------------------------------------------------------

typedef enum { VIGIL_NUMBER, VIGIL_FLAG, VIGIL_TEXT } vigil_type;

// What the members of a settings struct are. given is false if the policy does
// not name the setting, or says null.
typedef struct {
	double value;
	bool given;
} vigil_number;

typedef struct {
	bool value, given;
} vigil_flag;

typedef struct {
	char at[256]; // UTF-8
	uint32_t len;
	bool given;
} vigil_text;

// vigil_setting is one row of the table of a module's settings.
typedef struct {
	const char *name;
	vigil_type type;
	size_t offset; // of the member in the settings struct
} vigil_setting;

// vigil_bad_setting says what is wrong with the setting at path; check returns
// what it returns. The message is a literal.
static inline int64_t vigil_bad_setting(const char *path, const char *message);

// ---- Memory and the log ----------------------------------------------------

// vigil_alloc returns 8-aligned zeroed memory that is never freed, or NULL.
static inline void *vigil_alloc(size_t size);

// vigil_log writes a line to Vigil's log; the levels are those of log/slog.
enum { VIGIL_DEBUG = -4, VIGIL_INFO = 0, VIGIL_WARN = 4, VIGIL_ERROR = 8 };
static inline void vigil_log(int32_t level, const char *text);

#endif
