// vigil_action.h is what the author of an action module in C writes against.
//
// It needs clang and wasm-ld and nothing else: no C library, no WASI. One
// source file of the module includes it and defines vigil_module:
//
//	static void run(const vigil_input *in, const void *with) {
//		(void)with;
//		vigil_ask("service.reload");
//		vigil_ask_text("service", in->name);
//		vigil_ask_flag("dry_run", in->dry_run);
//		const vigil_answer a = vigil_send();
//		if (!a.ok) {
//			vigil_fail_answer(&a);
//			return;
//		}
//		vigil_done("reloaded ");
//		vigil_say_bytes(in->name);
//	}
//
//	const vigil_action vigil_module = {.run = run};
//
// What the author may rely on: the step's parameters arrive decoded, members
// that the table does not name are refused, and check is asked first. Every run
// has a fresh instance: nothing is left of the run before, and memory that is
// never freed ends with it. The world is reached through vigil_send only, and
// each call is held against the grants of the module's digest.
//
// What is asked of the author: pass dry_run on with every call. If previous is
// "unknown", an earlier start may have run; a module whose manifest says
// `idempotent: true` must then do no harm.
#ifndef VIGIL_ACTION_H
#define VIGIL_ACTION_H

#ifdef VIGIL_H
#error "a module is a policy or an action: include vigil.h or vigil_action.h"
#endif

#include "vigil_words.h"

// vigil_input is what the action is asked. What is not given has no bytes.
typedef struct {
	vigil_bytes remediation;
	vigil_bytes previous;         // "unknown": an earlier start may have run
	vigil_bytes target;           // as text, for example service:web@host-1
	vigil_bytes kind, name, host; // its parts: service, web, host-1
	vigil_bytes reason;
	int64_t attempt; // counts from 1
	bool dry_run;
} vigil_input;

// vigil_is reports whether bytes are those of a C string.
static inline bool vigil_is(vigil_bytes b, const char *text);

// ---- Calls -----------------------------------------------------------------

// vigil_ask begins a request, for example service.restart; the others add a
// member to it. There is one request at a time. A request has at most 64 KiB.
static inline void vigil_ask(const char *op);
static inline void vigil_ask_text(const char *name, vigil_bytes value);
static inline void vigil_ask_int(const char *name, int64_t value);
static inline void vigil_ask_flag(const char *name, bool value); // false is left out
static inline void vigil_ask_json(const char *name, vigil_bytes json);

// vigil_answer is what became of a call. It stays until the run ends.
typedef struct {
	bool ok;
	const char *op;
	vigil_bytes code, message; // if not ok
	vigil_bytes data;          // JSON, or nothing
} vigil_answer;

// vigil_send does the deed that was asked for, and waits for it.
static inline vigil_answer vigil_send(void);

// vigil_member is a member of an object, as JSON: nothing if json is no object,
// has no such member, or that is null.
static inline vigil_bytes vigil_member(vigil_bytes json, const char *name);

// Each decodes JSON of one kind; false if it is of another. Texts stay until the
// run ends.
static inline bool vigil_read_text(vigil_bytes json, vigil_bytes *into);
static inline bool vigil_read_number(vigil_bytes json, double *into);
static inline bool vigil_read_flag(vigil_bytes json, bool *into);

// ---- The outcome -----------------------------------------------------------

// vigil_done and vigil_fail say how the run ended, and begin its message. The
// last one said counts. Codes are stable and for programs.
static inline void vigil_done(const char *message);
static inline void vigil_fail(const char *code, const char *message);

// vigil_fail_answer fails as a call did: with its code, and its name before its
// message.
static inline void vigil_fail_answer(const vigil_answer *a);

// vigil_say appends to the message, the others likewise bytes and numbers.
static inline void vigil_say(const char *text);
static inline void vigil_say_bytes(vigil_bytes text);
static inline void vigil_say_int(int64_t v);
static inline void vigil_say_number(double v); // six significant digits

// vigil_data is handed out with the outcome; it must be valid JSON, for example
// an answer's data. The host looks into that of a service for its process id.
static inline void vigil_data(vigil_bytes json);

// ---- The module ------------------------------------------------------------

// vigil_action is the module: the table of a step's parameters, what else is
// asked of them (0 or what vigil_bad_setting returned; may be NULL), and the
// deed.
typedef struct {
	const vigil_setting *settings;
	uint32_t settings_len;
	size_t settings_size; // of the struct
	int64_t (*check)(const void *settings);
	void (*run)(const vigil_input *in, const void *with);
} vigil_action;

// vigil_module is defined by the author.
extern const vigil_action vigil_module;

#include "vigil_memory.h"
#include "vigil_number.h"
#include "vigil_json.h"
#include "vigil_settings.h"
#include "vigil_guest.h"
#include "vigil_call.h"
#include "vigil_run.h"

#endif
