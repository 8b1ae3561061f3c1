/* state's services: names of ports, and answers that hold until they are told to be stale. Run it under postgres.sh. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "tests/bus/state_stage.h"

static struct id box, other;

static enum err
expose(const char *sandbox, const char *name, uint16_t port, uint64_t *version)
{
	const struct msg m = {.id = SERVICE_EXPOSE,
	    .service_expose = {SPAN("default"), span_of_text(sandbox), span_of_text(name), port, true, SPAN("tester")}};
	struct outcome outcome;
	enum err r;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	if ((r = outcome.r) == OK) {
		const struct msg_service_row *row = &outcome.msg.service_row;

		assert_true(span_is(row->sandbox_name, sandbox) && span_is(row->name, name) &&
			    span_is(row->workspace, "default"));
		assert_int_equal(row->port, port);
		assert_true(row->domain && row->created_ms > 0 && !id_none(row->service));
		*version = row->resource_version;
	}
	outcome_done(&outcome);
	return r;
}

static bool
withdrawn(const char *sandbox, const char *name)
{
	const struct msg m = {.id = SERVICE_DELETE,
	    .service_delete = {SPAN("default"), span_of_text(sandbox), span_of_text(name), SPAN("tester")}};
	struct outcome outcome;
	bool was;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	was = outcome.msg.service_deleted.deleted;
	outcome_done(&outcome);
	return was;
}

/* "demo demo--web", in their order. */
static void
listed(const char *workspace, const char *sandbox, uint32_t limit, uint32_t offset, const char *want)
{
	const struct msg m = {
	    .id = SERVICE_LIST, .service_list = {span_of_text(workspace), span_of_text(sandbox), limit, offset}};
	struct outcome outcome;
	char got[512];
	struct text text = TEXT_OF(got);

	got[0] = '\0';
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	for (size_t i = 0; i < outcome.msg.service_listed.services_n; i++) {
		const struct msg_service_row *row = &outcome.msg.service_listed.services[i];

		text_add(&text, "%s" SPAN_FORMAT "%s" SPAN_FORMAT, i == 0 ? "" : " ", SPAN_ARGS(row->sandbox_name),
		    row->name.length == 0 ? "" : "--", SPAN_ARGS(row->name));
	}
	assert_string_equal(got, want);
	outcome_done(&outcome);
}

static void
routed(uint64_t number, const char *name, enum err want, uint8_t phase, uint16_t port)
{
	const struct msg m = {
	    .id = SERVICE_ROUTE, .service_route = {number, SPAN("default"), SPAN("demo"), span_of_text(name)}};
	struct outcome outcome;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, want);
	if (want == OK) {
		assert_true(id_equal(outcome.msg.service_routed.sandbox, box));
		assert_int_equal(outcome.msg.service_routed.phase, phase);
		assert_int_equal(outcome.msg.service_routed.port, port);
	}
	outcome_done(&outcome);
}

static void
stale(uint64_t number)
{
	struct heard *heard = actor_hear(&api, SERVICE_STALE);

	assert_int_equal(heard->msg.service_stale.route, number);
	heard_free(heard);
}

static void
rows(void **unused)
{
	uint64_t version;

	(void)unused;
	driver_joins();
	box = created("demo");
	other = created("other");
	listed("default", "", 100, 0, "");
	assert_int_equal(expose("demo", "", 8000, &version), OK);
	assert_int_equal(version, 1);
	assert_int_equal(expose("demo", "web", 3000, &version), OK);
	assert_int_equal(expose("other", "web", 3000, &version), OK);
	assert_int_equal(expose("demo", "", 8001, &version), OK);
	assert_int_equal(version, 2); /* the same one again */
	assert_int_equal(expose("nobody", "", 1, &version), ERR_NOT_FOUND);
	listed("default", "", 100, 0, "demo demo--web other--web");
	listed("", "", 100, 0, "demo demo--web other--web");
	listed("default", "demo", 100, 0, "demo demo--web");
	listed("default", "", 1, 1, "demo--web");
	listed("default", "", 1, 3, "");
	listed("nowhere", "", 100, 0, "");
	assert_true(withdrawn("other", "web"));
	assert_false(withdrawn("other", "web"));
	assert_false(withdrawn("nobody", ""));
	sql("do \\$\\$ begin assert (select count(*) from audit where action = 'service.expose') = 4; "
	    "assert (select count(*) from audit where action = 'service.delete') = 1; "
	    "assert (select count(*) from log_lines where message = 'CONFIG:service_endpoint_updated demo port:8001') = 1; end \\$\\$");
}

static void
at_most_a_hundred(void **unused)
{
	char name[16];
	uint64_t version;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(expose("other", name, 1, &version), OK);
	}
	assert_int_equal(expose("other", "more", 1, &version), ERR_LIMIT);
	assert_int_equal(expose("other", "s7", 2, &version), OK); /* no new one */
}

/* An answer is taken back once: by a change of the service, of its sandbox, of another service there; not of others. */
static void
routes(void **unused)
{
	const struct msg forget_it = {.id = SERVICE_FORGET, .service_forget = {3}};
	uint64_t version;

	(void)unused;
	forget(&api, SERVICE_STALE);
	routed(1, "", OK, PHASE_PROVISIONING, 8001);
	routed(99, "none", ERR_NOT_FOUND, 0, 0);
	assert_int_equal(expose("other", "s1", 5, &version), OK);
	assert_int_equal(expose("demo", "", 8002, &version), OK);
	stale(1);
	routed(2, "", OK, PHASE_PROVISIONING, 8002);
	assert_true(withdrawn("demo", "web"));
	stale(2);
	routed(3, "", OK, PHASE_PROVISIONING, 8002);
	tell(api.peer, &forget_it);
	routed(4, "", OK, PHASE_PROVISIONING, 8002);
	made_ready(box, 1);
	stale(4); /* and nothing of 3 */
	routed(5, "", OK, PHASE_READY, 8002);
	assert_true(withdrawn("demo", ""));
	stale(5);
	routed(6, "", ERR_NOT_FOUND, 0, 0);
}

static void
gone_with_its_sandbox(void **unused)
{
	uint64_t version;

	(void)unused;
	assert_int_equal(expose("demo", "web", 80, &version), OK);
	routed(7, "web", OK, PHASE_READY, 80);
	assert_int_equal(lifecycle_ask(SANDBOX_DELETE, "demo"), OK);
	stale(7);
	assert_int_equal(expose("demo", "web", 81, &version), ERR_STATE);
	expect_desired(box, 1, WANT_DELETED);
	observe(box, 1, 5);
	routed(8, "web", ERR_NOT_FOUND, 0, 0);
	listed("default", "demo", 100, 0, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(rows),
    cmocka_unit_test(at_most_a_hundred),
    cmocka_unit_test(routes),
    cmocka_unit_test(gone_with_its_sandbox),
};
STAGE_MAIN(tests)
