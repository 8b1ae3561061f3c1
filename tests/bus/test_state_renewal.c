/* What changes by itself or for all: storage keys, renewal, rules and profiles, thousands, credentials that is away. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/providers_stage.h"

static void
a_sandbox_has_a_provider(void **unused)
{
	(void)unused;
	driver_joins();
	made("hub", "github", "GITHUB_TOKEN");
	made("hub2", "github", "GITHUB_TOKEN");
	made("plain", "generic", "SOME_KEY");
	box = created("agent");
	made_ready(box, 1);
	assert_true(attach("hub", false, NULL));
	(void)pushed_now();
}

/* Records under an older storage key are sealed again, and only those that are still the same. */
static void
records_are_rewrapped(void **unused)
{
	static char fingerprint[16] = "fingerprint-one", record[32] = "STORAGE2later";
	struct msg_key_use older = {SPAN("STORAGE1"), 0};
	struct msg have = {.id = KEYS_HAVE,
	    .keys_have = {.newest = SPAN("STORAGE2"),
		.others = &older,
		.others_n = 1,
		.fingerprint = span_of_bytes(fingerprint, 16)}};
	struct msg answer = {.id = SECRETS_STORED};
	struct msg_secret_record again = {.record = span_of_text(record)};
	struct outcome outcome;

	(void)unused;
	ask(&outcome, credentials.peer, &have);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.keys_used.keys_n, 1);
	assert_int_equal(outcome.msg.keys_used.keys[0].records, 3);
	assert_true(span_equal(outcome.msg.keys_used.fingerprint, span_of_bytes(fingerprint, 16)));
	outcome_done(&outcome);
	for (int i = 0; i < 3; i++) {
		struct heard *heard = actor_hear(&credentials, SECRETS_REWRAP);

		assert_int_equal(heard->msg.secrets_rewrap.records_n, 1);
		again.key = heard->msg.secrets_rewrap.records[0].key;
		answer.secrets_stored = (struct msg_secrets_stored){&again, 1};
		reply_send(&heard->reply, &answer);
		heard_free(heard);
	}
	fingerprint[0] = 'F';
	for (uint64_t left = 3, until_ms = clock_ms() + PATIENCE_MS; left > 0 && clock_ms() < until_ms;) {
		ask(&outcome, credentials.peer, &have);
		outcome_wait(&outcome);
		left = 0;
		for (size_t i = 0; i < outcome.msg.keys_used.keys_n; i++)
			if (span_is(outcome.msg.keys_used.keys[i].key, "STORAGE1"))
				left = outcome.msg.keys_used.keys[i].records;
		assert_true(
		    span_is(span_head(outcome.msg.keys_used.fingerprint, 1), "f")); /* the first that was told */
		outcome_done(&outcome);
	}
	sql("do \\$\\$ begin assert (select bool_and(storage_key = 'STORAGE2') from provider_secrets); end \\$\\$");
}

/* What credentials is still to forget counts as well, or its key would go before it. */
static void
records_to_forget_need_their_key(void **unused)
{
	struct msg_key_use older = {SPAN("STORAGE1"), 0};
	struct msg have = {.id = KEYS_HAVE,
	    .keys_have = {
		.newest = SPAN("STORAGE2"), .others = &older, .others_n = 1, .fingerprint = SPAN("fingerprint-one ")}};
	struct outcome outcome;

	(void)unused;
	sql("insert into secret_drops (provider, key, record, due_ms) select id, 'K', 'STORAGE1handle', 9000000000000 "
	    "from providers limit 1");
	ask(&outcome, credentials.peer, &have);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.keys_used.keys_n, 2);
	assert_true(span_is(outcome.msg.keys_used.keys[1].key, "STORAGE1"));
	assert_int_equal(outcome.msg.keys_used.keys[1].records, 1);
	outcome_done(&outcome);
	sql("delete from secret_drops where key = 'K'");
	ask(&outcome, credentials.peer, &have);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.keys_used.keys_n, 1);
	outcome_done(&outcome);
}

/* What was made under a key that is not the newest any more is not kept. */
static void
a_record_under_an_old_key_comes_too_late(void **unused)
{
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = creation("late", "github", &secret, 1);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	memcpy(storage, "STORAGE2", 8);
}

/* Another gateway has put another storage key in this one's place: nothing more is kept here, and a ring without it is told of it. */
static void
a_key_that_another_gateway_replaced_is_used_no_more(void **unused)
{
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = creation("later", "github", &secret, 1);
	struct msg have = {
	    .id = KEYS_HAVE, .keys_have = {.newest = SPAN("STORAGE2"), .fingerprint = SPAN("fingerprint-one ")}};
	struct outcome outcome;

	(void)unused;
	sql("update storage_key set newest = 'STORAGE3'");
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_non_null(
	    strstr(outcome.why.text, "another gateway that uses this database has replaced the storage key"));
	outcome_done(&outcome);
	ask(&outcome, credentials.peer, &have);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.keys_used.keys_n, 2);
	assert_true(span_is(outcome.msg.keys_used.keys[1].key, "STORAGE3"));
	assert_int_equal(outcome.msg.keys_used.keys[1].records, 0);
	outcome_done(&outcome);
	sql("update storage_key set newest = 'STORAGE2'");
}

/* ---- refresh ---- */

static struct msg_refresh_state
refresh_is(const char *status)
{
	struct msg m = {
	    .id = REFRESH_GET, .refresh_get = {SPAN("default"), SPAN("cloud"), SPAN("GCP_ADC_ACCESS_TOKEN")}};
	struct msg_refresh_state it;
	struct outcome outcome;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.refresh_states.states_n, 1);
	it = outcome.msg.refresh_states.states[0]; /* its numbers */
	if (!span_is(it.status, status))
		fail_msg("it is " SPAN_FORMAT ", not %s", SPAN_ARGS(it.status), status);
	outcome_done(&outcome);
	return it;
}

/* Credentials mints, or does not; a running sandbox is pushed what it minted. */
static void
a_credential_is_renewed_and_pushed(void **unused)
{
	struct msg_sealed_secret secrets[2] = {sealed("client_secret"), sealed("refresh_token")},
				 first = sealed("OTHER_KEY");
	struct span material[] = {SPAN("client_id=me")};
	struct msg m = creation("cloud", "google-cloud", &first, 1);
	struct msg configure = {.id = REFRESH_CONFIGURE,
	    .refresh_configure = {.key = SPAN("GCP_ADC_ACCESS_TOKEN"),
		.strategy = 3,
		.material = material,
		.material_n = 1,
		.secrets = secrets,
		.secrets_n = 2,
		.subject = SPAN("t")}};
	struct msg rotate = {.id = REFRESH_ROTATE,
	    .refresh_rotate = {SPAN("default"), SPAN("cloud"), SPAN("GCP_ADC_ACCESS_TOKEN"), SPAN("t")}};
	struct msg end = {.id = REFRESH_DELETE,
	    .refresh_delete = {SPAN("default"), SPAN("cloud"), SPAN("GCP_ADC_ACCESS_TOKEN"), SPAN("t")}};
	struct msg_secret_record minted[] = {{SPAN("GCP_ADC_ACCESS_TOKEN"), SPAN("STORAGE2minted")}};
	struct msg_secret_record renewed[] = {{SPAN("refresh_token"), SPAN("STORAGE2rotated")}};
	struct msg answer = {.id = REFRESHED};
	struct msg_refresh_state at;
	struct outcome outcome;
	struct heard *heard;
	struct why why = {0};

	(void)unused;
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	configure.refresh_configure.provider = outcome.msg.provider_row.provider;
	outcome_done(&outcome);
	refused(&rotate, ERR_NOT_FOUND, "no refresh is configured");
	ask(&outcome, api.peer, &configure);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	outcome_done(&outcome);
	refresh_is("configured");

	ask(&outcome, api.peer, &rotate); /* which fails */
	heard = actor_hear(&credentials, REFRESH_RUN);
	assert_true(id_equal(heard->msg.refresh_run.provider_id, configure.refresh_configure.provider));
	assert_int_equal(heard->msg.refresh_run.strategy, 3);
	assert_int_equal(heard->msg.refresh_run.secrets_n, 2);
	assert_int_equal(heard->msg.refresh_run.material_n, 1);
	(void)!fail(&why, ERR_DENIED, "the token endpoint said invalid_grant");
	reply_fail(&heard->reply, ERR_DENIED, &why);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_DENIED);
	assert_non_null(strstr(outcome.why.text, "invalid_grant: the refresh token is void"));
	outcome_done(&outcome);
	at = refresh_is("error");
	sql("do \\$\\$ begin assert (select error like '%lost on its way%refresh configure%' from provider_refreshes "
	    "where status = 'error'); end \\$\\$");
	assert_true(at.next_ms > (uint64_t)clock_wall_ms() + 50000);

	answer.refreshed = (struct msg_refreshed){minted, 1, renewed, 1, (uint64_t)clock_wall_ms() + 3600000};
	ask(&outcome, api.peer, &rotate);
	heard = actor_hear(&credentials, REFRESH_RUN);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	heard = actor_hear(&credentials, REFRESH_KEPT); /* it may forget it */
	assert_true(id_equal(heard->msg.refresh_kept.provider_id, configure.refresh_configure.provider));
	assert_true(span_is(heard->msg.refresh_kept.key, "GCP_ADC_ACCESS_TOKEN"));
	heard_free(heard);
	at = refresh_is("refreshed");
	assert_true(at.expires_ms >= (uint64_t)clock_wall_ms() + 3590000 && at.next_ms < at.expires_ms - 290000);
	sql("do \\$\\$ begin assert (select count(*) from provider_secrets where record = 'STORAGE2rotated' and owner = "
	    "'GCP_ADC_ACCESS_TOKEN') = 1; assert (select count(*) from provider_refreshes where lease is not null) = 0; "
	    "end \\$\\$");

	sql("update provider_refreshes set next_ms = 1"); /* it is due */
	ask(&outcome, api.peer, &configure);		  /* and is looked at */
	store(actor_hear(&credentials, SECRETS_STORE), 2);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	drops_answer();
	m = (struct msg){.id = PROVIDER_UPDATE,
	    .provider_update = {.provider = configure.refresh_configure.provider,
		.secrets_remove = &minted[0].key,
		.secrets_remove_n = 1}};
	refused(&m, ERR_STATE, "renewed by the gateway");
	sql("update provider_refreshes set lease = gen_random_uuid(), lease_until_ms = 4102444800000, next_ms = 1");
	refused(&rotate, ERR_BUSY, "being renewed already"); /* another process has it, and it is not run here */
	assert_null(actor_heard(&credentials, REFRESH_RUN));
	ask(&outcome, api.peer, &end);
	outcome_wait(&outcome);
	assert_true(outcome.msg.refresh_deleted.deleted);
	outcome_done(&outcome);
	refused(&rotate, ERR_NOT_FOUND, "no refresh is configured");
	drops_answer();
}

/* ---- rules ---- */

static void
setting(const char *value)
{
	struct msg m = {.id = SETTING_SET,
	    .setting_set = {.key = SPAN("providers_v2_enabled"),
		.value = span_of_text(value),
		.remove = value[0] == '\0',
		.subject = SPAN("t")}};

	assert_int_equal(ask_now(api.peer, &m), OK);
}

/* Until a configuration is pushed that has a rule of the provider, or has none. */
static void
pushed_rules(bool there)
{
	static const char name[] = "_provider_hub";
	bool found = !there;

	while (found != there) {
		struct heard *heard = actor_hear(&relay, CONFIG_PUSH);
		struct span policy = heard->msg.config_push.policy;

		found = memmem(policy.at, policy.length, name, sizeof(name) - 1) != NULL;
		heard_free(heard);
	}
}

/* With the gateway's setting each attached provider adds a rule; a policy of the gateway's own takes its place. */
static void
providers_add_rules(void **unused)
{
	struct msg set = {.id = POLICY_SET, .policy_set = {.policy = SPAN("\x08\x01"), .subject = SPAN("t")}};
	struct msg clear = {.id = POLICY_CLEAR, .policy_clear.subject = SPAN("t")};
	struct msg get_it = {.id = CONFIG_GET, .config_get.sandbox = box};
	struct outcome outcome;

	(void)unused;
	setting("true");
	pushed_rules(true);
	assert_int_equal(ask_now(api.peer, &set), OK);
	pushed_rules(false);
	(void)pushed_now(); /* credentials may go elsewhere by another policy */
	assert_int_equal(ask_now(api.peer, &clear), OK);
	pushed_rules(true);
	(void)pushed_now();
	setting("");
	pushed_rules(false);
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.config.version, 1); /* nothing of it was stored */
	outcome_done(&outcome);
}

/* ---- profiles ---- */

static void
profiles_are_kept_by_tier(void **unused)
{
	struct msg_profile_new one = {SPAN("forge"), SPAN("\x0a\x05"
							  "forge")};
	struct msg add = {.id = PROFILE_STORE,
	    .profile_store = {.workspace = SPAN("default"), .profiles = &one, .profiles_n = 1, .subject = SPAN("t")}};
	struct msg list = {.id = PROFILE_LIST, .profile_list = {.workspace = SPAN("default"), .limit = 10}};
	struct msg end = {.id = PROFILE_DELETE, .profile_delete = {SPAN("default"), SPAN("forge"), SPAN("t")}};
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &add);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.profile_listed.profiles[0].resource_version, 1);
	outcome_done(&outcome);
	refused(&add, ERR_EXISTS, "'forge' already exists");
	add.profile_store.expected = 7;
	refused(&add, ERR_CONFLICT, "current resource_version: 1");
	add.profile_store.expected = 1;
	assert_int_equal(ask_now(api.peer, &add), OK);
	add.profile_store.expected = 0;
	add.profile_store.workspace = SPAN_NONE;
	assert_int_equal(ask_now(api.peer, &add), OK);
	ask(&outcome, api.peer, &list);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.profile_listed.profiles_n, 2);
	assert_true(span_is(outcome.msg.profile_listed.profiles[0].workspace, "default"));
	assert_int_equal(outcome.msg.profile_listed.profiles[0].resource_version, 2);
	outcome_done(&outcome);
	assert_int_equal(ask_now(api.peer, &end), OK);
	ask(&outcome, api.peer, &end);
	outcome_wait(&outcome);
	assert_false(outcome.msg.profile_deleted.deleted);
	outcome_done(&outcome);
}

/* ---- many ---- */

static const char many[] =
    "insert into sandboxes (id, request, workspace, name, labels, annotations, created_ms, phase, want, driver, ready, "
    "reason, message, ready_since_ms, spec, image, command, environment, tty, cpu_milli, memory_bytes) "
    "select gen_random_uuid(), gen_random_uuid(), 'default', 'many-' || i, '{}', '{}', 1, 7, 2, 'driver-local', 'False', "
    "'Stopped', 'x', 1, '', '', '{sh}', '{}', false, 0, 0 from generate_series(1, 400) i; "
    "insert into providers (id, workspace, name, type, profile_workspace, labels, annotations, config, created_ms) "
    "select gen_random_uuid(), 'default', 'many-' || i, 'nvidia', '', '{}', '{}', '{}', 1 from generate_series(1, 2000) i; "
    "insert into provider_secrets (provider, owner, key, record) select id, '', case when name = 'many-7' then "
    "'NVIDIA_API_KEY' else 'KEY_' || substring(name from 6) end, 'STORAGE2many' "
    "from providers where name like 'many-%'; "
    "insert into sandbox_secrets (sandbox, revision, generation) select id, 1, 1 from sandboxes where name like 'many-%'; "
    "insert into sandbox_providers (sandbox, provider) select s.id, p.id from (select id, row_number() over () n from "
    "sandboxes where name like 'many-%') s join (select id, row_number() over () n from providers where name like "
    "'many-%') p on p.n / 5 = s.n or (p.n % 400 = s.n - 1 and p.n / 5 <> s.n) or (p.n + 7) % 400 = s.n or "
    "(p.n + 31) % 400 = s.n or (p.n + 77) % 400 = s.n; analyze;";

/* 2,000 providers and 10,000 attachments: one that changes reaches its sandboxes as fast as if it were alone. */
static void
thousands_do_not_slow_one(void **unused)
{
	struct msg_sealed_secret secret = sealed("NVIDIA_API_KEY");
	struct msg m = {.id = PROVIDER_UPDATE, .provider_update = {.secrets = &secret, .secrets_n = 1}};
	struct msg get_it = {.id = PROVIDER_GET, .provider_get = {SPAN("default"), SPAN("many-7"), false}};
	struct outcome outcome;
	uint64_t began;

	(void)unused;
	sql(many);
	sql("do \\$\\$ begin assert (select count(*) from sandbox_providers) between 9000 and 12000; end \\$\\$");
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	m.provider_update.provider = outcome.msg.provider_row.provider;
	outcome_done(&outcome);
	began = clock_ms();
	assert_true(attach("many-7", false, NULL));
	(void)pushed_now();
	assert_true(soon(began, 500));
	began = clock_ms();
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	(void)pushed_now();
	print_message(
	    "attached and pushed among thousands, changed and pushed in %lu ms\n", (unsigned long)(clock_ms() - began));
	assert_true(soon(began, 500));
	drops_answer();
}

/* ---- the last: credentials is away ---- */

static void
without_credentials_nothing_is_half_made(void **unused)
{
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = creation("away", "github", &secret, 1),
		   up = {.id = SESSION_UP, .session_up = {box, 1, {{0}}, 0, 1}};
	struct outcome outcome;

	(void)unused;
	get(&outcome, box);
	up.session_up.instance = outcome.msg.sandbox_row.instance;
	outcome_done(&outcome);
	actor_done(&credentials);
	join(&credentials, ROLE_CREDENTIALS, "credentials"); /* with a key that nobody knows */
	refused(&m, ERR_UNAVAILABLE, "credentials");	     /* at once, or because it went while it was asked */
	refused(&m, ERR_UNAVAILABLE, "credentials is not connected");
	sql("do \\$\\$ begin assert (select count(*) from providers where name = 'away') = 0; end \\$\\$");
	tell(relay.peer, &up);
	condition_is("False", "CredentialsAway");
}

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_sandbox_has_a_provider),
	cmocka_unit_test(records_are_rewrapped),
	cmocka_unit_test(records_to_forget_need_their_key),
	cmocka_unit_test(a_record_under_an_old_key_comes_too_late),
	cmocka_unit_test(a_key_that_another_gateway_replaced_is_used_no_more),
	cmocka_unit_test(a_credential_is_renewed_and_pushed),
	cmocka_unit_test(providers_add_rules),
	cmocka_unit_test(profiles_are_kept_by_tier),
	cmocka_unit_test(thousands_do_not_slow_one),
	cmocka_unit_test(without_credentials_nothing_is_half_made),
};
/* clang-format on */

STAGE_MAIN(tests)
