// Act uses all of the C SDK for actions that restart-service does not, so that
// tests see it: parameters of each type, requests of each member, two calls,
// replies that are kept, numbers in the message.
#include <vigil_action.h>

typedef struct {
	vigil_number grace;
	vigil_flag mute;
	vigil_text mark;
} settings;

static const vigil_setting fields[] = {
	{"grace", VIGIL_NUMBER, offsetof(settings, grace)},
	{"mute", VIGIL_FLAG, offsetof(settings, mute)},
	{"mark", VIGIL_TEXT, offsetof(settings, mark)},
};

static int64_t check(const void *given) {
	const settings *s = given;
	return s->grace.given && s->grace.value < 0 ? vigil_bad_setting("grace", "must not be negative") : 0;
}

static vigil_answer stop(const vigil_input *in, const settings *with) {
	vigil_ask("service.stop");
	vigil_ask_text("service", in->name);
	vigil_ask_int("grace", with->grace.given ? (int64_t)with->grace.value : INT64_MIN);
	vigil_ask_json("more", (vigil_bytes){"[1,{}]", 6});
	vigil_ask_flag("dry_run", in->dry_run);
	return vigil_send();
}

static void run(const vigil_input *in, const void *given) {
	const settings *with = given;
	if (with->mute.value) {
		return; // without a word about how it ended
	}
	const vigil_answer first = stop(in, with), second = stop(in, with);
	vigil_bytes name = {"", 0};
	double pid = 0;
	bool up = true;
	if (!first.ok || !second.ok) {
		vigil_fail_answer(&first);
		return;
	}
	vigil_done("lost");
	vigil_done("stopped ");
	if (vigil_read_text(vigil_member(first.data, "service"), &name) && vigil_read_flag(vigil_member(first.data, "up"), &up) && !up) {
		vigil_say_bytes(name);
	}
	vigil_say(vigil_read_number(vigil_member(first.data, "service"), &pid) ? " with a number" : " at ");
	vigil_say_number(1.0 / 3);
	vigil_say(" on ");
	vigil_say_bytes(in->host);
	vigil_say(" in attempt ");
	vigil_say_int(-in->attempt);
	vigil_say_bytes((vigil_bytes){with->mark.at, with->mark.len});
	vigil_data(second.data);
}

const vigil_action vigil_module = {
	.settings = fields,
	.settings_len = sizeof fields / sizeof *fields,
	.settings_size = sizeof(settings),
	.check = check,
	.run = run,
};
