// Requests and answers of host calls: JSON that is written, sent and read in
// memory that only grows.
#ifndef VIGIL_CALL_H
#define VIGIL_CALL_H

static struct {
	const char *op;
	vigil__list request; // the object being written, without its last brace
	bool lost;           // there was no memory for all of it
} vigil__asked;

static inline bool vigil_is(vigil_bytes b, const char *text) {
	return vigil__compare(b, vigil__bytes(text)) == 0;
}

// vigil__append adds bytes to a text, if there is memory for them.
static inline bool vigil__append(vigil__list *text, const char *at, uint32_t len) {
	if (!vigil__room(text, len, 1)) {
		return false;
	}
	__builtin_memcpy((char *)text->at + text->len, at, len);
	text->len += len;
	return true;
}

static inline bool vigil__append_text(vigil__list *text, const char *s) {
	return vigil__append(text, s, vigil__length(s));
}

// vigil__append_quoted adds a string as JSON.
static inline bool vigil__append_quoted(vigil__list *text, vigil_bytes s) {
	vigil__out measure = {NULL, 0, 0};
	vigil__quoted(&measure, s);
	if (!vigil__room(text, measure.len, 1)) {
		return false;
	}
	vigil__out o = {(char *)text->at + text->len, 0, measure.len};
	vigil__quoted(&o, s);
	text->len += measure.len;
	return true;
}

// vigil__signed writes v into out, which has room for 20 bytes.
static inline vigil_bytes vigil__signed(char out[20], int64_t v) {
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
	uint32_t at = 20;
	do {
		out[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (v < 0) {
		out[--at] = '-';
	}
	return (vigil_bytes){out + at, 20 - at};
}

static inline void vigil_ask(const char *op) {
	vigil__asked.op = op;
	vigil__asked.request.len = 0;
	vigil__asked.lost = !vigil__append_text(&vigil__asked.request, "{");
}

// vigil__ask_name begins a member.
static inline void vigil__ask_name(const char *name) {
	vigil__list *r = &vigil__asked.request;
	vigil__asked.lost |= !vigil__append_text(r, r->len > 1 ? "," : "") || !vigil__append_quoted(r, vigil__bytes(name)) || !vigil__append_text(r, ":");
}

static inline void vigil_ask_text(const char *name, vigil_bytes value) {
	vigil__ask_name(name);
	vigil__asked.lost |= !vigil__append_quoted(&vigil__asked.request, value);
}

static inline void vigil_ask_json(const char *name, vigil_bytes json) {
	vigil__ask_name(name);
	vigil__asked.lost |= !vigil__append(&vigil__asked.request, json.at, json.len);
}

static inline void vigil_ask_int(const char *name, int64_t value) {
	char text[20];
	vigil_ask_json(name, vigil__signed(text, value));
}

static inline void vigil_ask_flag(const char *name, bool value) {
	if (value) {
		vigil_ask_json(name, vigil__bytes("true"));
	}
}

// vigil__valid reports whether bytes are one JSON document.
static inline bool vigil__valid(vigil_bytes doc) {
	vigil__json j = {doc.at, doc.at + doc.len};
	return vigil__value(&j, 0) && vigil__next(&j) == 0 && j.at == j.end;
}

static inline vigil_bytes vigil_member(vigil_bytes json, const char *name) {
	vigil__json j = {json.at, json.at + json.len};
	vigil_bytes found = {"", 0};
	if (!vigil__take(&j, '{')) {
		return found;
	}
	while (vigil__next(&j) == '"') {
		char text[255];
		vigil__out key = {text, 0, sizeof text};
		vigil__string(&j, &key);
		vigil__take(&j, ':');
		vigil__next(&j);
		const char *start = j.at;
		if (!vigil__value(&j, 1)) {
			break; // it was not valid
		}
		if (key.len <= key.room && vigil_is((vigil_bytes){text, key.len}, name)) {
			found = (vigil_bytes){start, *start == 'n' ? 0 : (uint32_t)(j.at - start)}; // the last one counts
		}
		vigil__take(&j, ',');
	}
	return found;
}

static inline bool vigil_read_text(vigil_bytes json, vigil_bytes *into) {
	char *text = vigil_alloc(json.len);
	vigil__json j = {json.at, json.at + json.len};
	vigil__out o = {text, 0, text == NULL ? 0 : json.len};
	if (json.len == 0 || !vigil__string(&j, &o) || o.len > o.room) {
		return false;
	}
	*into = (vigil_bytes){text, o.len};
	return true;
}

static inline bool vigil_read_number(vigil_bytes json, double *into) {
	return json.len > 0 && (*json.at == '-' || (*json.at >= '0' && *json.at <= '9')) && vigil__parsed(json, into);
}

static inline bool vigil_read_flag(vigil_bytes json, bool *into) {
	*into = json.len > 0 && *json.at == 't';
	return json.len > 0 && (*json.at == 't' || *json.at == 'f');
}

// vigil__optional decodes a text that may be left out.
static inline bool vigil__optional(vigil_bytes json, vigil_bytes *into) {
	*into = (vigil_bytes){"", 0};
	return json.len == 0 || vigil_read_text(json, into);
}

static inline vigil_answer vigil__unanswered(const char *code, const char *message) {
	return (vigil_answer){.op = vigil__asked.op, .code = vigil__bytes(code), .message = vigil__bytes(message), .data = {"", 0}};
}

// vigil__answered reads the reply of a host call.
static inline vigil_answer vigil__answered(vigil_bytes reply) {
	vigil_answer a = {.op = vigil__asked.op};
	const vigil_bytes ok = vigil_member(reply, "ok");
	vigil__json j = {reply.at, reply.at + reply.len};
	if (!vigil__valid(reply) || vigil__next(&j) != '{' || (ok.len > 0 && !vigil_read_flag(ok, &a.ok)) ||
	    !vigil__optional(vigil_member(reply, "code"), &a.code) || !vigil__optional(vigil_member(reply, "message"), &a.message)) {
		return vigil__unanswered("action_failed", "the reply cannot be read");
	}
	a.data = vigil_member(reply, "data");
	return a;
}

static inline vigil_answer vigil_send(void) {
	vigil__list *r = &vigil__asked.request;
	if (vigil__asked.lost || !vigil__append_text(r, "}")) {
		return vigil__unanswered("action_failed", "out of memory");
	}
	const int64_t size = vigil_call(vigil__asked.op, vigil__length(vigil__asked.op), r->at, r->len);
	switch (size) {
	case VIGIL_DENIED:
		return vigil__unanswered("capability_denied", "denied");
	case VIGIL_UNSUPPORTED:
		return vigil__unanswered("capability_unknown", "unsupported");
	}
	if (size < 0) {
		return vigil__unanswered("call_failed", "the host could not answer");
	}
	char *text = size > INT32_MAX ? NULL : vigil_alloc((size_t)size); // kept: answers point into it
	if (text == NULL) {
		return vigil__unanswered("action_failed", "out of memory");
	}
	const uint32_t have = vigil_reply(text, (uint32_t)size);
	return vigil__answered((vigil_bytes){text, have < (uint32_t)size ? have : (uint32_t)size});
}

#endif
