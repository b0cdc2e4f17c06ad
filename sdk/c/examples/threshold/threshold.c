// Threshold is the policy that fires while a value is above or below a line. It
// is modules/policies/threshold in C: both pass the same vectors.
//
// It promises one decision where the verdict changes, and one on the first
// sample of each batch, so that its decisions do not depend on where a batch
// ends. A value on the line is well; one that is no finite number is no data.
#include <float.h>

#include <vigil.h>

// The lines; at least one must be given. With both, values between are well.
typedef struct {
	vigil_number above, below;
} settings;

static const vigil_setting fields[] = {
	{"above", VIGIL_NUMBER, offsetof(settings, above)},
	{"below", VIGIL_NUMBER, offsetof(settings, below)},
};

// check refuses settings that never or always fire.
static int64_t check(const void *given) {
	const settings *s = given;
	if (!s->above.given && !s->below.given) {
		return vigil_bad_setting("above", "give at least one of above and below");
	}
	if (s->above.given && s->below.given && s->below.value > s->above.value) {
		return vigil_bad_setting("below", "must not be more than above: every value would fire");
	}
	return 0;
}

typedef enum { NONE, SILENT, WELL, HIGH, LOW } verdict;

// lines are the settings as numbers only: a line that is not given is one that
// no finite value passes.
typedef struct {
	double above, below;
} lines;

static verdict judge(lines l, double v) {
	if (!(v >= -DBL_MAX && v <= DBL_MAX)) {
		return SILENT;
	}
	return v > l.above ? HIGH : v < l.below ? LOW : WELL;
}

static void compare(const vigil_series *series, uint32_t at, const char *how, double line) {
	vigil_fire(series, at);
	vigil_say_number(series->values[at]);
	vigil_say(how);
	vigil_say_number(line);
}

static void tell(const vigil_series *series, uint32_t at, verdict now, lines l) {
	switch (now) {
	case HIGH:
		compare(series, at, " is above ", l.above);
		break;
	case LOW:
		compare(series, at, " is below ", l.below);
		break;
	case WELL:
		vigil_ok(series, at);
		break;
	default:
		vigil_no_data(series, at);
	}
}

// end is where the run of values that share a verdict ends. Most samples only
// continue a run, so a run is told by two comparisons a sample.
static uint32_t end(const vigil_series *series, uint32_t i, verdict now, lines l) {
	const double *v = series->values;
	const uint32_t n = series->len;
	switch (now) {
	case HIGH:
		for (i++; i < n && v[i] > l.above && v[i] <= DBL_MAX; i++) {
		}
		return i;
	case LOW:
		for (i++; i < n && v[i] < l.below && v[i] >= -DBL_MAX; i++) {
		}
		return i;
	case WELL:
		for (i++; i < n && v[i] >= l.below && v[i] <= l.above; i++) {
		}
		return i;
	default:
		return i + 1;
	}
}

// evaluate says of each series where its verdict changes.
static void evaluate(const vigil_batch *b, const void *given) {
	const settings *s = given;
	const lines l = {s->above.given ? s->above.value : DBL_MAX, s->below.given ? s->below.value : -DBL_MAX};
	for (uint32_t row = 0; row < b->len; row++) {
		const vigil_series series = vigil_series_at(b, row);
		verdict last = NONE;
		for (uint32_t i = 0; i < series.len;) {
			const verdict now = judge(l, series.values[i]);
			if (now != last) {
				tell(&series, i, now, l);
				last = now;
			}
			i = end(&series, i, now, l);
		}
	}
}

const vigil_policy vigil_module = {
	.settings = fields,
	.settings_len = sizeof fields / sizeof *fields,
	.settings_size = sizeof(settings),
	.check = check,
	.evaluate = evaluate,
};
