// An action's side of ABI v1: the export that the host calls, the question that
// it asks and the outcome that it is told.
#ifndef VIGIL_RUN_H
#define VIGIL_RUN_H

static struct {
	bool ok, lost; // lost: there was no memory for the message
	vigil_bytes code;
	vigil_bytes data;
	vigil__list message, output;
} vigil__outcome;

static inline void vigil__end(bool ok, vigil_bytes code) {
	vigil__outcome.ok = ok;
	vigil__outcome.code = code;
	vigil__outcome.message.len = vigil__outcome.data.len = 0;
}

static inline void vigil_say_bytes(vigil_bytes text) {
	vigil__outcome.lost |= !vigil__append(&vigil__outcome.message, text.at, text.len);
}

static inline void vigil_say(const char *text) { vigil_say_bytes(vigil__bytes(text)); }

static inline void vigil_say_int(int64_t v) {
	char text[20];
	vigil_say_bytes(vigil__signed(text, v));
}

static inline void vigil_say_number(double v) {
	char text[16];
	const uint32_t len = vigil__formatted(text, v);
	vigil_say_bytes((vigil_bytes){text, len});
}

static inline void vigil_done(const char *message) {
	vigil__end(true, (vigil_bytes){"", 0});
	vigil_say(message);
}

static inline void vigil_fail(const char *code, const char *message) {
	vigil__end(false, vigil__bytes(code));
	vigil_say(message);
}

static inline void vigil_fail_answer(const vigil_answer *a) {
	vigil__end(false, a->code);
	vigil_say(a->op);
	vigil_say(": ");
	vigil_say_bytes(a->message);
}

static inline void vigil_data(vigil_bytes json) { vigil__outcome.data = json; }

// vigil__told writes the outcome as the host reads it.
static inline int64_t vigil__told(void) {
	vigil__list *o = &vigil__outcome.output;
	const vigil_bytes message = {vigil__outcome.message.at, vigil__outcome.message.len}, data = vigil__outcome.data;
	bool whole = !vigil__outcome.lost && vigil__append_text(o, vigil__outcome.ok ? "{\"ok\":true" : "{\"ok\":false");
	if (vigil__outcome.code.len > 0) {
		whole = whole && vigil__append_text(o, ",\"code\":") && vigil__append_quoted(o, vigil__outcome.code);
	}
	if (message.len > 0) {
		whole = whole && vigil__append_text(o, ",\"message\":") && vigil__append_quoted(o, message);
	}
	if (data.len > 0) {
		whole = whole && vigil__append_text(o, ",\"data\":") && vigil__append(o, data.at, data.len);
	}
	return whole && vigil__append_text(o, "}") ? vigil__region(o->at, o->len) : vigil__no_memory();
}

static inline bool vigil__part(vigil_bytes s) {
	for (uint32_t i = 0; i < s.len; i++) {
		const char c = s.at[i];
		const bool first = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
		if (!first && (i == 0 || (c != '.' && c != '-'))) {
			return false;
		}
	}
	return s.len > 0 && s.len <= 128;
}

// vigil__cut is the place of c in bytes, their length if there is none.
static inline uint32_t vigil__cut(vigil_bytes s, char c) {
	uint32_t i = 0;
	while (i < s.len && s.at[i] != c) {
		i++;
	}
	return i;
}

// vigil__aimed takes a target apart: kind:name or kind:name@host, or nothing.
static inline bool vigil__aimed(vigil_input *in) {
	const vigil_bytes t = in->target;
	const uint32_t colon = vigil__cut(t, ':'), at = vigil__cut(t, '@');
	in->kind = in->name = in->host = (vigil_bytes){"", 0};
	if (t.len == 0) {
		return true;
	}
	if (colon == t.len || at < colon) {
		return false;
	}
	in->kind = (vigil_bytes){t.at, colon};
	in->name = (vigil_bytes){t.at + colon + 1, at - colon - 1};
	if (at < t.len) {
		in->host = (vigil_bytes){t.at + at + 1, t.len - at - 1};
	}
	return (vigil_is(in->kind, "service") || vigil_is(in->kind, "host")) && vigil__part(in->name) && (at == t.len || vigil__part(in->host));
}

// vigil__whole reads an integer that may be left out.
static inline bool vigil__whole(vigil_bytes json, int64_t *into) {
	const bool minus = json.len > 0 && *json.at == '-';
	*into = 0;
	for (uint32_t i = minus; i < json.len; i++) {
		const int64_t digit = json.at[i] - '0';
		if (digit < 0 || digit > 9 || *into > (INT64_MAX - digit) / 10) {
			return false;
		}
		*into = 10 * *into + digit;
	}
	*into = minus ? -*into : *into;
	return true;
}

static inline bool vigil__question(vigil_bytes doc, vigil_input *in) {
	vigil__json j = {doc.at, doc.at + doc.len};
	const vigil_bytes dry_run = vigil_member(doc, "dry_run");
	return vigil__valid(doc) && vigil__next(&j) == '{' && vigil__optional(vigil_member(doc, "remediation"), &in->remediation) &&
	       vigil__optional(vigil_member(doc, "previous"), &in->previous) && vigil__optional(vigil_member(doc, "target"), &in->target) &&
	       vigil__optional(vigil_member(doc, "reason"), &in->reason) && vigil__whole(vigil_member(doc, "attempt"), &in->attempt) &&
	       (dry_run.len == 0 || vigil_read_flag(dry_run, &in->dry_run)) && vigil__aimed(in);
}

// vigil__parameters decodes with into room of its own.
static inline int64_t vigil__parameters(vigil_bytes with, void **into) {
	*into = vigil_alloc(vigil_module.settings_size + 1); // never nothing
	return *into == NULL ? vigil__no_memory() : vigil__decode(with, *into);
}

VIGIL__EXPORT("vigil_configure") int64_t vigil__configure(uint32_t config, uint32_t ptr, uint32_t len) {
	(void)config;
	void *unused;
	if (!vigil__input(ptr, len)) {
		return vigil__bad_input("message outside the buffer");
	}
	return vigil__parameters((vigil_bytes){(const char *)(uintptr_t)ptr, len}, &unused);
}

// The input is copied: what the author is handed stays until the run ends.
VIGIL__EXPORT("vigil_run") int64_t vigil__run(uint32_t ptr, uint32_t len) {
	vigil_input in = {.dry_run = false};
	void *with;
	if (!vigil__input(ptr, len)) {
		return vigil__bad_input("message outside the buffer");
	}
	char *kept = vigil_alloc(len);
	if (kept == NULL) {
		return vigil__no_memory();
	}
	__builtin_memcpy(kept, (const char *)(uintptr_t)ptr, len);
	const vigil_bytes doc = {kept, len};
	if (!vigil__question(doc, &in)) {
		return vigil__bad_input("action input cannot be read");
	}
	vigil_fail("action_failed", "the action did not say how it ended");
	const int64_t errno = vigil__parameters(vigil_member(doc, "with"), &with);
	if (errno == 0) {
		vigil_module.run(&in, with);
	} else if (errno == VIGIL_BAD_SETTINGS) {
		vigil_fail(vigil__fault.code, "with: ");
		vigil_say_bytes(vigil__fault.path);
		vigil_say(vigil__fault.path.len > 0 ? ": " : "");
		vigil_say(vigil__fault.message);
	} else {
		return errno;
	}
	return vigil__told();
}

#endif
