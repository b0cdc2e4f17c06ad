// vigil.h is what the author of a policy module in C writes against; that of an
// action includes vigil_action.h instead.
//
// It needs clang and wasm-ld and nothing else: no C library, no WASI. One
// source file of the module includes it and defines vigil_module:
//
//	typedef struct { vigil_number above; } settings;
//
//	static const vigil_setting fields[] = {
//		{"above", VIGIL_NUMBER, offsetof(settings, above)},
//	};
//
//	static void evaluate(const vigil_batch *b, const void *given) {
//		const settings *s = given;
//		for (uint32_t i = 0; i < b->len; i++) {
//			vigil_series series = vigil_series_at(b, i);
//			for (uint32_t k = 0; k < series.len; k++) {
//				if (series.values[k] > s->above.value) {
//					vigil_fire(&series, k);
//					vigil_say("too high");
//				} else {
//					vigil_ok(&series, k);
//				}
//			}
//		}
//	}
//
//	const vigil_policy vigil_module = {
//		.settings = fields, .settings_len = 1, .settings_size = sizeof(settings),
//		.evaluate = evaluate,
//	};
//
// What the author may rely on: settings arrive decoded, members that the table
// does not name are refused, and check is asked before any sample. Samples of a
// series come in the order of time. One instance serves every policy that uses
// the module, each with its own settings, and is never called twice at once.
//
// What is asked of the author: a decision holds from its sample until the next
// decision on the same series, and the host may cut or merge batches as load
// asks, so the decisions must not depend on where a batch ends. Values that are
// no finite number are no data. State is kept by vigil_batch.config and
// vigil_series.id. Waiting, targets and guards are the host's affair.
#ifndef VIGIL_H
#define VIGIL_H

#include "vigil_words.h"

// Bounds on what one reply may hold.
enum {
	VIGIL_MAX_DECISIONS = 1 << 16,
	VIGIL_MAX_MESSAGE = 1 << 10, // bytes of one decision's message
	VIGIL_MAX_DETAILS = 4 << 10, // bytes of one decision's names and values
	VIGIL_MAX_TEXT = 4 << 20,    // bytes of all of them
	VIGIL_MAX_SERIES = 1 << 20,
	VIGIL_MAX_CONFIGS = 1 << 16,
};

// ---- Samples ---------------------------------------------------------------

// Flags of a series.
enum {
	VIGIL_STALE = 1,  // the source said that the series ended
	VIGIL_RESET = 2,  // a counter started anew since the last batch
	VIGIL_LATE = 4,   // some samples are older than samples already judged
	VIGIL_REPLAY = 8, // history, to rebuild state; decisions are discarded
};

typedef struct {
	uint64_t id;
	uint32_t ref, first, count, flags;
} vigil_row;

// vigil_batch is the samples to judge now: of len series, or of none when only
// time has passed. It is valid until evaluate returns.
typedef struct {
	uint32_t len;
	uint32_t config; // tells apart the policies that share this instance
	uint16_t flags;  // VIGIL_REPLAY or nothing
	int64_t now;     // the time of this evaluation, in Unix nanoseconds
	uint64_t seq;    // counts the batches of this instance
	const vigil_row *rows;
	const int64_t *times;
	const double *values;
} vigil_batch;

// vigil_series is one series' share of a batch. There may be no samples.
typedef struct {
	const int64_t *times; // Unix nanoseconds, ascending
	const double *values; // beside them
	uint32_t len;
	uint32_t flags;
	uint64_t id;  // of the series for good, also across restarts of the host
	uint32_t ref; // of the series in this instance: small and dense, an array's index
	uint32_t row; // of the batch
	int64_t now;
} vigil_series;

// vigil_series_at is series i of the batch; i must be less than b->len.
static inline vigil_series vigil_series_at(const vigil_batch *b, uint32_t i);

// vigil_label is the value of a label, or no bytes if the series has none of
// that name. The metric's name is __name__.
static inline vigil_bytes vigil_label(const vigil_series *s, const char *name);

// ---- Decisions -------------------------------------------------------------

// vigil_decision is the decision just made, to say more about it. It is valid
// until the next one is made. The first and last members are the SDK's.
typedef struct {
	uint32_t row;
	uint8_t kind;
	uint8_t severity; // ranks decisions; 0 is the default and the lowest
	uint16_t runbook; // of the module's manifest, instead of the policy's own
	double value;
	double score; // how far from well, on the policy's own scale
	int64_t at;
	uint32_t msg_off, msg_len, kv_off, kv_len;
} vigil_decision;

// Each decides on sample number at of the series; on a series without samples
// at is ignored and the decision is on now. NoData never starts an action, and
// neither does info, which only tells people something.
static inline vigil_decision *vigil_ok(const vigil_series *s, uint32_t at);
static inline vigil_decision *vigil_fire(const vigil_series *s, uint32_t at);
static inline vigil_decision *vigil_no_data(const vigil_series *s, uint32_t at);
static inline vigil_decision *vigil_info(const vigil_series *s, uint32_t at);

// vigil_say appends to the message of the last decision, the others likewise
// bytes and a number with six significant digits. What does not fit is cut.
static inline void vigil_say(const char *text);
static inline void vigil_say_bytes(vigil_bytes text);
static inline void vigil_say_number(double v);

// vigil_detail adds a name and a value to the last decision, after its message.
// One that does not fit is left out.
static inline void vigil_detail(vigil_bytes name, vigil_bytes value);

// ---- The module ------------------------------------------------------------

// vigil_policy is the module: the table of its settings, what else is asked of
// them (0 or what vigil_bad_setting returned; may be NULL), and the judgement.
typedef struct {
	const vigil_setting *settings;
	uint32_t settings_len;
	size_t settings_size; // of the struct
	int64_t (*check)(const void *settings);
	void (*evaluate)(const vigil_batch *b, const void *settings);
} vigil_policy;

// vigil_module is defined by the author.
extern const vigil_policy vigil_module;

#include "vigil_memory.h"
#include "vigil_number.h"
#include "vigil_json.h"
#include "vigil_settings.h"
#include "vigil_reply.h"
#include "vigil_guest.h"
#include "vigil_eval.h"

#endif
