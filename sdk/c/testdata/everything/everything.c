// Everything uses all of the C SDK that threshold does not, so that tests see
// it: flags and texts among the settings, labels, details, severities, state of
// its own, the log, and messages that are too long.
#include <vigil.h>

typedef struct {
	vigil_flag loud;
	vigil_text unit;
} settings;

static const vigil_setting fields[] = {
	{"loud", VIGIL_FLAG, offsetof(settings, loud)},
	{"unit", VIGIL_TEXT, offsetof(settings, unit)},
};

static uint32_t *met; // how many samples of each series were met, by ref

static void evaluate(const vigil_batch *b, const void *given) {
	const settings *s = given;
	if (met == NULL && (met = vigil_alloc(VIGIL_MAX_SERIES * sizeof *met)) == NULL) {
		vigil_log(VIGIL_ERROR, "no memory");
		return;
	}
	for (uint32_t row = 0; row < b->len; row++) {
		const vigil_series series = vigil_series_at(b, row);
		if (series.len == 0) {
			vigil_no_data(&series, 0);
		}
		for (uint32_t i = 0; i < series.len; i++) {
			if (++met[series.ref] == 2) {
				vigil_decision *d = vigil_fire(&series, i);
				d->severity = s->loud.given && s->loud.value ? 9 : 1;
				d->runbook = 3;
				d->score = 0.5;
				vigil_say_bytes(vigil_label(&series, "host"));
				vigil_say_bytes(vigil_label(&series, "none"));
				vigil_say(": ");
				vigil_say_number(series.values[i]);
				vigil_say_bytes((vigil_bytes){s->unit.at, s->unit.len});
				vigil_detail((vigil_bytes){"flags", 5}, (vigil_bytes){series.flags & VIGIL_LATE ? "late" : "", series.flags & VIGIL_LATE ? 4 : 0});
				vigil_detail((vigil_bytes){"unit", 4}, (vigil_bytes){s->unit.at, s->unit.len});
			} else {
				vigil_info(&series, i);
				for (int k = 0; k < 600; k++) {
					vigil_say("é");
				}
			}
		}
	}
}

const vigil_policy vigil_module = {
	.settings = fields,
	.settings_len = 2,
	.settings_size = sizeof(settings),
	.evaluate = evaluate,
};
