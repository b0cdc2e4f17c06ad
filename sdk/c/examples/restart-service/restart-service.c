// Restart-service is the action that restarts the target's service. It is
// modules/actions/restart-service in C: both pass the same vectors.
//
// It promises one host call, service.restart on the service that the target
// names, and answers how the service stands afterwards. Restarting what was just
// restarted does no harm but the interruption, so the action is idempotent.
#include <vigil_action.h>

// restarted says so, with the process ids if the host told both.
static void restarted(vigil_bytes service, vigil_bytes status) {
	double pid = 0, before = 0;
	vigil_done("restarted ");
	vigil_say_bytes(service);
	if (vigil_read_number(vigil_member(status, "pid"), &pid) && vigil_read_number(vigil_member(status, "pid_before"), &before) && pid != 0 && before != 0) {
		vigil_say(": pid ");
		vigil_say_int((int64_t)before);
		vigil_say(" became ");
		vigil_say_int((int64_t)pid);
	}
}

static void run(const vigil_input *in, const void *with) {
	(void)with; // all there is to say is in the target
	if (!vigil_is(in->kind, "service")) {
		vigil_fail("target_unsupported", "restart-service treats services, not ");
		vigil_say_bytes(in->target);
		return;
	}
	if (in->previous.len > 0) {
		vigil_log(VIGIL_INFO, "an attempt before this one may have run; restarting again does no harm");
	}
	vigil_ask("service.restart");
	vigil_ask_text("service", in->name);
	vigil_ask_flag("dry_run", in->dry_run);
	const vigil_answer a = vigil_send();
	if (!a.ok) {
		vigil_fail_answer(&a);
		return;
	}
	if (a.data.len > 0 && *a.data.at != '{') {
		vigil_fail("action_failed", "service.restart: the host did not tell how the service stands");
		return;
	}
	if (in->dry_run) {
		vigil_done("would restart ");
		vigil_say_bytes(in->name);
	} else {
		restarted(in->name, a.data);
	}
	vigil_data(a.data);
}

const vigil_action vigil_module = {.run = run};
