// Settings: a JSON object decoded by the module's table, each mistake named by
// its path, as vigil_last_error hands it to the host.
#ifndef VIGIL_SETTINGS_H
#define VIGIL_SETTINGS_H

static struct {
	const char *code, *message;
	vigil_bytes path;
	uint32_t len; // of text, which is all three as JSON
	char text[4096];
} vigil__fault;

static inline void vigil__puts(vigil__out *o, const char *text) {
	for (; *text != 0; text++) {
		vigil__put(o, *text);
	}
}

static inline void vigil__quoted(vigil__out *o, vigil_bytes s) {
	vigil__put(o, '"');
	for (uint32_t i = 0; i < s.len; i++) {
		const uint8_t c = (uint8_t)s.at[i];
		if (c == '"' || c == '\\') {
			vigil__put(o, '\\');
		}
		if (c >= 0x20) {
			vigil__put(o, (char)c);
			continue;
		}
		vigil__puts(o, "\\u00");
		vigil__put(o, (char)('0' + (c >> 4)));
		vigil__put(o, "0123456789abcdef"[c & 15]);
	}
	vigil__put(o, '"');
}

// vigil__refuse keeps why for vigil_last_error and returns errno. The path has
// at most 255 bytes, so that all of it fits.
static inline int64_t vigil__refuse(int64_t errno, const char *code, vigil_bytes path, const char *message) {
	vigil__out o = {vigil__fault.text, 0, sizeof vigil__fault.text};
	const char *names[] = {"{\"code\":", ",\"path\":", ",\"message\":"};
	const vigil_bytes parts[] = {vigil__bytes(code), path, vigil__bytes(message)};
	for (int i = 0; i < 3; i++) {
		vigil__puts(&o, names[i]);
		vigil__quoted(&o, parts[i]);
	}
	vigil__put(&o, '}');
	vigil__fault.len = o.len <= o.room ? o.len : 0;
	vigil__fault.code = code;
	vigil__fault.path = path;
	vigil__fault.message = message;
	return errno;
}

static inline int64_t vigil_bad_setting(const char *path, const char *message) {
	return vigil__refuse(VIGIL_BAD_SETTINGS, "settings_invalid", vigil__bytes(path), message);
}

static inline const vigil_setting *vigil__named(vigil_bytes name) {
	for (uint32_t i = 0; i < vigil_module.settings_len; i++) {
		if (vigil__compare(name, vigil__bytes(vigil_module.settings[i].name)) == 0) {
			return &vigil_module.settings[i];
		}
	}
	return NULL;
}

// vigil__no_such says which settings there are, in the order of their names.
static inline const char *vigil__no_such(void) {
	static char text[512];
	vigil__out o = {text, 0, sizeof text - 1};
	vigil_bytes last = {"", 0};
	vigil__puts(&o, "no such setting; ");
	vigil__puts(&o, vigil_module.settings_len == 0 ? "there are none" : "known: ");
	for (uint32_t n = 0; n < vigil_module.settings_len; n++) {
		vigil_bytes least = {NULL, 0};
		for (uint32_t i = 0; i < vigil_module.settings_len; i++) {
			const vigil_bytes name = vigil__bytes(vigil_module.settings[i].name);
			if ((n == 0 || vigil__compare(name, last) > 0) && (least.at == NULL || vigil__compare(name, least) < 0)) {
				least = name;
			}
		}
		if (least.at == NULL) {
			break; // a name stands in the table twice
		}
		vigil__puts(&o, n == 0 ? "" : ", ");
		vigil__puts(&o, least.at);
		last = least;
	}
	text[o.len < o.room ? o.len : o.room] = 0;
	return text;
}

// vigil__mistyped refuses a value and says what was wanted.
static inline int64_t vigil__mistyped(const vigil_setting *f, const char *message) {
	return vigil__refuse(VIGIL_BAD_SETTINGS, "settings_type", vigil__bytes(f->name), message);
}

// vigil__assign decodes the valid value at j into the member that f describes.
static inline int64_t vigil__assign(vigil__json *j, const vigil_setting *f, void *into) {
	const char first = vigil__next(j), *start = j->at;
	const bool given = first != 'n', truth = first == 't';
	void *member = (char *)into + f->offset;
	vigil__value(j, 1);
	switch (f->type) {
	case VIGIL_NUMBER: {
		vigil_number *n = member;
		n->given = given;
		if (given && first != '-' && (first < '0' || first > '9')) {
			return vigil__mistyped(f, "want a number");
		}
		return !given || vigil__parsed((vigil_bytes){start, (uint32_t)(j->at - start)}, &n->value) ? 0 : vigil__mistyped(f, "the number is too large");
	}
	case VIGIL_FLAG:
		*(vigil_flag *)member = (vigil_flag){truth, given};
		return !given || truth || first == 'f' ? 0 : vigil__mistyped(f, "want true or false");
	case VIGIL_TEXT: {
		vigil_text *t = member;
		vigil__out o = {t->at, 0, sizeof t->at};
		vigil__json again = {start, j->end};
		t->given = given;
		if (given && !vigil__string(&again, &o)) {
			return vigil__mistyped(f, "want a string");
		}
		t->len = o.len;
		return o.len <= o.room ? 0 : vigil__mistyped(f, "want a string of at most 256 bytes");
	}
	}
	return VIGIL_INTERNAL; // a table with a type that is none
}

// vigil__members walks the members of the valid object at j. Without into it
// refuses the first unknown name in the order of names; otherwise it decodes.
static inline int64_t vigil__members(vigil__json j, void *into) {
	static char unknown[255];
	vigil_bytes worst = {NULL, 0};
	vigil__take(&j, '{');
	while (vigil__next(&j) == '"') {
		char text[255];
		vigil__out name = {text, 0, sizeof text};
		vigil__string(&j, &name);
		const vigil_bytes key = {text, name.len < name.room ? name.len : name.room};
		const vigil_setting *f = name.len > name.room ? NULL : vigil__named(key);
		vigil__take(&j, ':');
		if (f == NULL && (worst.at == NULL || vigil__compare(key, worst) < 0)) {
			__builtin_memcpy(unknown, text, key.len);
			worst = (vigil_bytes){unknown, key.len};
		}
		const int64_t errno = f != NULL && into != NULL ? vigil__assign(&j, f, into) : vigil__value(&j, 1) ? 0 : VIGIL_INTERNAL;
		if (errno != 0) {
			return errno;
		}
		vigil__take(&j, ',');
	}
	return worst.at == NULL ? 0 : vigil__refuse(VIGIL_BAD_SETTINGS, "settings_unknown_field", worst, vigil__no_such());
}

// vigil__decode reads doc, an object or nothing at all, into zeroed settings.
static inline int64_t vigil__decode(vigil_bytes doc, void *into) {
	static const vigil_bytes whole = {"", 0};
	vigil__json all = {doc.at, doc.at + doc.len}, check = all;
	if (doc.len > 0) {
		if (!vigil__value(&check, 0) || vigil__next(&check) != 0 || check.at < check.end) {
			return vigil__refuse(VIGIL_BAD_SETTINGS, "settings_json", whole, "not one valid JSON document");
		}
		if (vigil__next(&all) != '{' && *all.at != 'n') {
			return vigil__refuse(VIGIL_BAD_SETTINGS, "settings_type", whole, "want an object");
		}
		int64_t errno = vigil__members(all, NULL);
		if (errno == 0) {
			errno = vigil__members(all, into);
		}
		if (errno != 0) {
			return errno;
		}
	}
	return vigil_module.check == NULL ? 0 : vigil_module.check(into);
}

#endif
