/* state's providers: records that only credentials can open, what is attached, what a sandbox is pushed. Under postgres.sh. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/providers_stage.h"

static void
records_are_made_before_a_provider_is(void **unused)
{
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = creation("gone", "github", &secret, 1);
	struct msg again, get_it = {.id = PROVIDER_GET, .provider_get = {SPAN("default"), SPAN("gone"), false}};
	struct outcome outcome;
	struct why why = {0};
	struct heard *heard;

	(void)unused;
	driver_joins();
	ask(&outcome, api.peer, &m);
	heard = actor_hear(&credentials, SECRETS_STORE);
	assert_true(id_equal(heard->msg.secrets_store.provider_id, m.provider_create.provider));
	assert_false(id_none(heard->msg.secrets_store.attempt));
	(void)!fail(&why, ERR_DENIED, "not sealed for this key");
	reply_fail(&heard->reply, ERR_DENIED, &why);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_DENIED);
	outcome_done(&outcome);
	refused(&get_it, ERR_NOT_FOUND, "provider 'gone' not found");
	made("hub", "github", "GITHUB_TOKEN");
	again = creation("hub", "github", &secret, 1);
	refused(&again, ERR_EXISTS, "provider 'hub' already exists");
	again = creation("none", "github", NULL, 0);
	refused(&again, ERR_INVALID, "");
	again = creation("none", "generic", NULL, 0);
	refused(&again, ERR_INVALID, "no profile");
	again = creation("none", "github", &secret, 1);
	again.provider_create.workspace = SPAN("nowhere");
	refused(&again, ERR_NOT_FOUND, "workspace 'nowhere' not found");
	sql("do \\$\\$ begin assert (select count(*) from providers) = 1; assert (select count(*) from provider_secrets) = 1; "
	    "assert (select encode(storage_key, 'escape') from provider_secrets) = 'STORAGE1'; end \\$\\$");
}

/* The attempt that credentials refused is told to be forgotten once it is due; what is replaced, at once. */
static void
what_nothing_refers_to_is_forgotten(void **unused)
{
	struct msg_sealed_secret secret = sealed("NVIDIA_API_KEY");
	struct msg m = {
	    .id = PROVIDER_UPDATE, .provider_update = {.secrets = &secret, .secrets_n = 1, .subject = SPAN("t")}};
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	m.provider_update.provider = made("nv", "nvidia", "NVIDIA_API_KEY");
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 2);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.provider_row.resource_version, 2);
	outcome_done(&outcome);
	heard = actor_hear(&credentials, SECRETS_DROP);
	assert_int_equal(heard->msg.secrets_drop.records_n, 1);
	assert_true(span_is(heard->msg.secrets_drop.records[0].record, "STORAGE1NVIDIA_API_KEY#1"));
	reply_send(&heard->reply, &done);
	heard_free(heard);
	sql("update secret_drops set due_ms = 0");
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "nobody"), ERR_NOT_FOUND); /* it has read what was before it */
	m = (struct msg){.id = PROVIDER_DELETE, .provider_delete = {SPAN("default"), SPAN("nv"), SPAN("tester")}};
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_true(outcome.msg.provider_deleted.deleted);
	outcome_done(&outcome);
	for (int records = 0, attempts = 0; records < 1 || attempts < 1; heard_free(heard)) {
		heard = actor_hear(&credentials, SECRETS_DROP);
		records += heard->msg.secrets_drop.records_n == 1;
		attempts += heard->msg.secrets_drop.records_n == 0 && !id_none(heard->msg.secrets_drop.attempt);
		reply_send(&heard->reply, &done);
	}
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_false(outcome.msg.provider_deleted.deleted);
	outcome_done(&outcome);
}

static void
maps_are_merged(void **unused)
{
	struct span config[] = {SPAN("A=1"), SPAN("B=2")}, removed[] = {SPAN("A")}, gone[] = {SPAN("GITHUB_TOKEN")};
	struct msg_key_expiry expiry = {SPAN("GITHUB_TOKEN"), 4102444800000};
	struct msg m = {.id = PROVIDER_UPDATE,
	    .provider_update = {
		.config = config, .config_n = 2, .expiries = &expiry, .expiries_n = 1, .subject = SPAN("t")}};
	struct msg get_it = {.id = PROVIDER_GET, .provider_get = {SPAN("default"), SPAN("hub"), true}};
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(outcome.msg.provider_row.profile.length > 0);
	m.provider_update.provider = outcome.msg.provider_row.provider;
	m.provider_update.expected = outcome.msg.provider_row.resource_version;
	outcome_done(&outcome);
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.provider_row.config_n, 2);
	assert_int_equal(outcome.msg.provider_row.keys[0].expires_ms, 4102444800000);
	outcome_done(&outcome);
	refused(&m, ERR_CONFLICT, "current resource_version: 2");
	m.provider_update.expected = 0;
	m.provider_update.config_n = 0;
	m.provider_update.expiries_n = 0;
	m.provider_update.config_remove = removed;
	m.provider_update.config_remove_n = 1;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.provider_row.config_n, 1);
	assert_true(span_is(outcome.msg.provider_row.config[0], "B=2"));
	outcome_done(&outcome);
	m.provider_update.secrets_remove = gone;
	m.provider_update.secrets_remove_n = 1;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.provider_row.keys_n, 0);
	outcome_done(&outcome);
	m.provider_update = (struct msg_provider_update){.provider = m.provider_update.provider,
	    .secrets = (struct msg_sealed_secret[]){sealed("GITHUB_TOKEN")},
	    .secrets_n = 1};
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
}

static void
a_running_sandbox_is_pushed_what_is_attached(void **unused)
{
	struct heard *asked, *push;
	struct msg applied = {.id = SECRETS_APPLIED, .secrets_applied = {.epoch = 1, .loaded = true}};
	const struct msg_bundle_item *item;
	uint64_t began;

	(void)unused;
	box = created("agent");
	made_ready(box, 1);
	began = clock_ms();
	assert_true(attach("hub", false, NULL));
	asked = seal_asked();
	assert_int_equal(asked->msg.bundle_seal.items_n, 1);
	item = asked->msg.bundle_seal.items;
	assert_true(span_is(item->slot, "GITHUB_TOKEN"));
	assert_true(span_is(item->provider, "hub"));
	assert_int_equal(item->record_n, 1);
	assert_true(span_is(item->record[0].record, "STORAGE1GITHUB_TOKEN#1"));
	assert_true(item->bindings_n >= 2);
	assert_int_equal(item->tokens_n, 2);
	assert_true(text_in(item->tokens, item->tokens_n, "v2_GITHUB_TOKEN"));
	assert_true(text_in(item->tokens, item->tokens_n, "s"));
	push = pushed(asked);
	assert_true(soon(began, 1000));
	assert_int_equal(push->msg.secrets_push.revision, 2);
	assert_true(text_in(push->msg.secrets_push.environment, push->msg.secrets_push.environment_n,
	    "GITHUB_TOKEN=openshell:resolve:env:v2_GITHUB_TOKEN"));
	applied.secrets_applied.sandbox = box;
	applied.secrets_applied.revision = push->msg.secrets_push.revision;
	assert_int_equal(ask_now(relay.peer, &applied), OK);
	condition_is("True", "Applied");
	heard_free(push);
	heard_free(asked);
	assert_false(attach("hub", false, NULL));
}

/* A value that changes has a new placeholder; the one before is good for the new value too. */
static void
old_placeholders_of_a_credential_stay_good(void **unused)
{
	struct msg get_it = {.id = PROVIDER_GET, .provider_get = {SPAN("default"), SPAN("hub"), false}};
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = {
	    .id = PROVIDER_UPDATE, .provider_update = {.secrets = &secret, .secrets_n = 1, .subject = SPAN("t")}};
	struct outcome outcome;
	struct heard *asked, *push;

	(void)unused;
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	m.provider_update.provider = outcome.msg.provider_row.provider;
	outcome_done(&outcome);
	for (unsigned i = 0; i < 9; i++) {
		ask(&outcome, api.peer, &m);
		store(actor_hear(&credentials, SECRETS_STORE), 10 + i);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, OK);
		outcome_done(&outcome);
		drops_answer();
		asked = seal_asked();
		if (i == 0) {
			assert_int_equal(asked->msg.bundle_seal.items[0].tokens_n, 3);
			assert_true(span_is(asked->msg.bundle_seal.items[0].tokens[0], "v3_GITHUB_TOKEN"));
			assert_true(span_is(asked->msg.bundle_seal.items[0].tokens[1], "v2_GITHUB_TOKEN"));
		}
		assert_int_equal(
		    asked->msg.bundle_seal.items[0].tokens_n, i < 6 ? 3 + i : 9); /* eight, and the stable one */
		push = pushed(asked);
		heard_free(push);
		heard_free(asked);
	}
}

static void
two_that_deliver_one_key_do_not_go_together(void **unused)
{
	struct msg m = {.id = PROVIDER_ATTACH,
	    .provider_attach = {.workspace = SPAN("default"),
		.sandbox = SPAN("agent"),
		.provider = SPAN("hub2"),
		.subject = SPAN("tester")}};

	(void)unused;
	made("hub2", "github", "GITHUB_TOKEN");
	refused(&m, ERR_STATE, "GITHUB_TOKEN");
	m.provider_attach.provider = SPAN("nobody");
	refused(&m, ERR_STATE, "provider 'nobody' not found");
	m.provider_attach.provider = SPAN("hub");
	m.provider_attach.expected = 1;
	refused(&m, ERR_CONFLICT, "current resource_version");
	m.provider_attach.expected = 0;
	m.provider_attach.sandbox = SPAN("nowhere");
	refused(&m, ERR_NOT_FOUND, "sandbox not found");
	m = (struct msg){.id = PROVIDER_DELETE, .provider_delete = {SPAN("default"), SPAN("hub"), SPAN("tester")}};
	refused(&m, ERR_STATE, "attached to sandbox agent");
}

/* One without a profile is withheld by itself, and that is said; the others are not disturbed. */
static void
what_is_withheld_is_said(void **unused)
{
	struct msg logs = {.id = LOGS_GET, .logs_get = {.sandbox = box, .lines = 50}};
	struct outcome outcome;
	struct heard *asked, *push;
	size_t warnings = 0;
	bool said = false;

	(void)unused;
	made("plain", "generic", "SOME_KEY");
	assert_true(attach("plain", false, &warnings));
	assert_int_equal(warnings, 1);
	asked = seal_asked();
	assert_int_equal(asked->msg.bundle_seal.items_n, 1);
	assert_true(span_is(asked->msg.bundle_seal.items[0].slot, "GITHUB_TOKEN"));
	push = pushed(asked);
	assert_false(text_in(push->msg.secrets_push.environment, push->msg.secrets_push.environment_n, "SOME_KEY"));
	heard_free(push);
	heard_free(asked);
	ask(&outcome, api.peer, &logs);
	outcome_wait(&outcome);
	for (size_t i = 0; i < outcome.msg.logs.lines_n; i++)
		said |= span_starts(outcome.msg.logs.lines[i].message, SPAN("provider 'plain': SOME_KEY is withheld"));
	assert_true(said);
	outcome_done(&outcome);
	assert_true(attach("plain", true, NULL));
	assert_int_equal(pushed_now(), 13);
	assert_false(attach("plain", true, NULL));
}

static void
a_session_that_comes_back_is_given_what_is_new(void **unused)
{
	struct msg up = {.id = SESSION_UP, .session_up = {.sandbox = box, .epoch = 1, .secrets_revision = 3}};
	struct outcome outcome;

	(void)unused;
	get(&outcome, box);
	up.session_up.instance = outcome.msg.sandbox_row.instance;
	outcome_done(&outcome);
	tell(relay.peer, &up);
	assert_int_equal(pushed_now(), 13);
	up.session_up.secrets_revision = 13;
	tell(relay.peer, &up);
	get(&outcome, box); /* what was to be sent was */
	outcome_done(&outcome);
	assert_null(actor_heard(&credentials, BUNDLE_SEAL));
}

/* It is told that there are secrets to wait for, and has none until they are pushed to the key of this start. */
static void
a_new_start_waits_for_its_secrets(void **unused)
{
	struct msg m, up = {.id = SESSION_UP, .session_up = {.sandbox = box, .epoch = 2}};
	struct outcome outcome;
	uint8_t token[32];
	uint64_t revision;

	(void)unused;
	forget(&driver, DESIRED);
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "agent"), OK);
	expect_desired(box, 1, WANT_STOPPED);
	observe(box, 1, 5);
	assert_int_equal(lifecycle_ask(SANDBOX_START, "agent"), OK);
	expect_desired(box, 2, WANT_RUNNING);
	assert_false(condition_now("True", "Applied")); /* it was another start that used them */
	ticket_of(box, 2, token);
	observe(box, 2, 2);
	up.session_up.instance = id_new();
	m = enrol(box, 2, up.session_up.instance, span_of_bytes(token, 32), 7);
	ask(&outcome, relay.peer, &m);
	actor_answer(&credentials, CLAIM_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	revision = outcome.msg.enrolled.secrets_revision;
	assert_true(revision >= 13);
	outcome_done(&outcome);
	tell(relay.peer, &up);
	assert_int_equal(pushed_now(), revision);
	m = (struct msg){
	    .id = SECRETS_APPLIED, .secrets_applied = {.sandbox = box, .epoch = 1, .revision = 3, .loaded = true}};
	assert_int_equal(ask_now(relay.peer, &m), OK); /* late news of the start before */
	assert_false(condition_now("True", "Applied"));
	m.secrets_applied = (struct msg_secrets_applied){.sandbox = box,
	    .epoch = 2,
	    .revision = revision,
	    .loaded = false,
	    .message = SPAN("the box does not open")};
	assert_int_equal(ask_now(relay.peer, &m), OK);
	condition_is("False", "SecretsRefused");
	m.secrets_applied.loaded = true;
	assert_int_equal(ask_now(relay.peer, &m), OK);
	condition_is("True", "Applied");
}

/* ---- inference routes ---- */

static struct msg
route_to(struct span *providers, struct span *models, size_t n)
{
	return (struct msg){.id = INFERENCE_PUT,
	    .inference_put = {.workspace = SPAN("default"),
		.route = SPAN("inference.local"),
		.providers = providers,
		.providers_n = n,
		.models = models,
		.models_n = n,
		.timeout_s = 30,
		.subject = SPAN("t")}};
}

static void
a_route_is_put_read_and_deleted(void **unused)
{
	struct span providers[] = {SPAN("models"), SPAN("nobody")}, models[] = {SPAN("gpt"), SPAN("gpt")};
	struct msg put = route_to(providers, models, 1);
	const struct msg get_it = {.id = INFERENCE_GET, .inference_get = {SPAN("default"), SPAN("inference.local")}};
	const struct msg delete_it = {
	    .id = INFERENCE_DELETE, .inference_delete = {SPAN("default"), SPAN("inference.local"), SPAN("t")}};
	const struct msg lose = {
	    .id = PROVIDER_DELETE, .provider_delete = {SPAN("default"), SPAN("models"), SPAN("t")}};
	struct outcome outcome;

	(void)unused;
	refused(&get_it, ERR_NOT_FOUND, "");
	refused(&put, ERR_STATE, "provider 'models' not found");
	made("models", "openai", "OPENAI_API_KEY");
	for (uint64_t version = 1; version <= 2; version++) { /* the second takes the place of the first */
		ask(&outcome, api.peer, &put);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, OK);
		assert_int_equal(outcome.msg.inference_route.version, version);
		assert_true(outcome.msg.inference_route.timeout_s == 30 && !outcome.msg.inference_route.verified);
		outcome_done(&outcome);
	}
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(
	    outcome.msg.inference_route.providers_n == 1 && span_is(outcome.msg.inference_route.models[0], "gpt"));
	outcome_done(&outcome);
	refused(&lose, ERR_STATE, "inference route 'inference.local'");
	put = route_to(providers, models, 2); /* one of two is not there: all stays as it was */
	refused(&put, ERR_STATE, "provider 'nobody' not found");
	put = route_to(providers, models, 0);
	refused(&put, ERR_INVALID, "give one for each");
	for (int there = 1; there >= 0; there--) {
		ask(&outcome, api.peer, &delete_it);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, OK);
		assert_int_equal(outcome.msg.inference_deleted.deleted, there);
		outcome_done(&outcome);
	}
	refused(&get_it, ERR_NOT_FOUND, "");
}

/* A model that does not answer well is not pointed at. */
static void
a_route_is_put_when_its_model_answers(void **unused)
{
	static const uint16_t statuses[] = {401, 200};
	struct span provider = SPAN("models"), model = SPAN("gpt");
	struct msg put = route_to(&provider, &model, 1);
	struct outcome outcome;

	(void)unused;
	put.inference_put.verify = true;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		ask(&outcome, api.peer, &put);
		actor_answer(
		    &credentials, MODEL_PROBE, &(struct msg){.id = MODEL_PROBED, .model_probed = {statuses[i]}});
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, statuses[i] == 200 ? OK : ERR_STATE);
		if (outcome.r == OK)
			assert_true(outcome.msg.inference_route.verified);
		outcome_done(&outcome);
	}
}

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(records_are_made_before_a_provider_is),
	cmocka_unit_test(what_nothing_refers_to_is_forgotten),
	cmocka_unit_test(maps_are_merged),
	cmocka_unit_test(a_running_sandbox_is_pushed_what_is_attached),
	cmocka_unit_test(old_placeholders_of_a_credential_stay_good),
	cmocka_unit_test(two_that_deliver_one_key_do_not_go_together),
	cmocka_unit_test(what_is_withheld_is_said),
	cmocka_unit_test(a_session_that_comes_back_is_given_what_is_new),
	cmocka_unit_test(a_new_start_waits_for_its_secrets),
	cmocka_unit_test(a_route_is_put_read_and_deleted),
	cmocka_unit_test(a_route_is_put_when_its_model_answers),
};
/* clang-format on */

STAGE_MAIN(tests)
