/* state's providers: records that only credentials can open, what is attached, what a sandbox is pushed. Under postgres.sh. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

/* A sandbox that runs, from the first test on. */
static struct id box;
static char storage[] = "STORAGE1";

/* ---- credentials, as the test plays it ---- */

/* Records that name key and a number, under the storage key of now. */
static void
store(struct heard *heard, unsigned number)
{
	static char bytes[32][64];
	static struct msg_secret_record records[32];
	const struct msg_secrets_store *in = &heard->msg.secrets_store;
	struct msg answer = {.id = SECRETS_STORED, .secrets_stored = {records, in->secrets_n}};

	for (size_t i = 0; i < in->secrets_n; i++) {
		snprintf(bytes[i], sizeof(bytes[i]), "%s" SPAN_FORMAT "#%u", storage, SPAN_ARGS(in->secrets[i].key), number);
		records[i] = (struct msg_secret_record){in->secrets[i].key, span_of_text(bytes[i])};
	}
	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

/* Whatever is dropped is forgotten, until there is a message of another kind. */
static void
drops_answer(void)
{
	for (struct heard *heard; (heard = actor_heard(&credentials, SECRETS_DROP)) != NULL; heard_free(heard))
		reply_send(&heard->reply, &done);
}

static struct msg_sealed_secret
sealed(const char *key)
{
	static char box_bytes[80];

	memset(box_bytes, 'x', sizeof(box_bytes));
	return (struct msg_sealed_secret){span_of_text(key), span_of_bytes(box_bytes, sizeof(box_bytes))};
}

/* ---- api, as the test plays it ---- */

static struct msg
creation(const char *name, const char *type, struct msg_sealed_secret *secrets, size_t n)
{
	return (struct msg){.id = PROVIDER_CREATE, .provider_create = {.provider = id_new(), .name = span_of_text(name),
	    .workspace = SPAN("default"), .type = span_of_text(type), .secrets = secrets, .secrets_n = n,
	    .subject = SPAN("tester")}};
}

/* Made, with one credential. */
static struct id
made(const char *name, const char *type, const char *key)
{
	struct msg_sealed_secret secret = sealed(key);
	struct msg m = creation(name, type, &secret, 1);
	struct outcome outcome;

	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	assert_int_equal(outcome.msg.id, PROVIDER_ROW);
	assert_int_equal(outcome.msg.provider_row.keys_n, 1);
	assert_true(span_is(outcome.msg.provider_row.keys[0].key, key));
	assert_true(id_equal(outcome.msg.provider_row.provider, m.provider_create.provider));
	outcome_done(&outcome);
	return m.provider_create.provider;
}

static void
refused(const struct msg *m, enum err code, const char *words)
{
	struct outcome outcome;

	ask(&outcome, api.peer, m);
	outcome_wait(&outcome);
	if (outcome.r != code || strstr(outcome.why.text, words) == NULL)
		fail_msg("%s: %s, not %s: %s", err_name(outcome.r), outcome.why.text, err_name(code), words);
	outcome_done(&outcome);
}

static bool
attach(const char *provider, bool detach, size_t *warnings)
{
	struct msg m = {.id = PROVIDER_ATTACH, .provider_attach = {.workspace = SPAN("default"), .sandbox = SPAN("agent"),
	    .provider = span_of_text(provider), .detach = detach, .subject = SPAN("tester")}};
	struct outcome outcome;
	bool changed;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	changed = outcome.msg.provider_attached.changed;
	if (warnings != NULL)
		*warnings = outcome.msg.provider_attached.warnings_n;
	assert_int_equal(outcome.msg.provider_attached.sandbox_n, 1);
	outcome_done(&outcome);
	return changed;
}

/* ---- what a sandbox is pushed ---- */

static bool
text_in(const struct span *texts, size_t n, const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (span_starts(texts[i], span_of_text(prefix)))
			return true;
	return false;
}

/* The box that credentials is asked for; the caller frees what it heard of it. */
static struct heard *
seal_asked(void)
{
	struct heard *heard = actor_hear(&credentials, BUNDLE_SEAL);

	assert_true(id_equal(heard->msg.bundle_seal.sandbox, box));
	assert_memory_equal(heard->msg.bundle_seal.router_key.at, keys[1], 32);
	assert_memory_equal(heard->msg.bundle_seal.router_mac.at, keys[2], 32);
	return heard;
}

static struct heard *
pushed(struct heard *asked)
{
	static char bytes[64];
	struct msg answer = {.id = BUNDLE_SEALED, .bundle_sealed.box = span_of_bytes(bytes, sizeof(bytes))};
	struct heard *push;

	reply_send(&asked->reply, &answer);
	push = actor_hear(&relay, SECRETS_PUSH);
	assert_int_equal(push->msg.secrets_push.revision, asked->msg.bundle_seal.revision);
	assert_int_equal(push->msg.secrets_push.chunks, 1);
	return push;
}

/* Boxed and passed on: its revision. */
static uint64_t
pushed_now(void)
{
	struct heard *asked = seal_asked(), *push = pushed(asked);
	uint64_t revision = push->msg.secrets_push.revision;

	heard_free(push);
	heard_free(asked);
	return revision;
}

static bool
condition_now(const char *status, const char *reason)
{
	struct outcome outcome;
	bool found = false;

	get(&outcome, box);
	for (size_t i = 0; i < outcome.msg.sandbox_row.conditions_n; i++) {
		const struct msg_condition *at = &outcome.msg.sandbox_row.conditions[i];

		found |= span_is(at->type, "Secrets") && span_is(at->status, status) && span_is(at->reason, reason);
	}
	outcome_done(&outcome);
	return found;
}

/* What relay tells and what api asks come by different ways: it may take a moment. */
static void
condition_is(const char *status, const char *reason)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;

	while (!condition_now(status, reason))
		if (clock_ms() > until_ms)
			fail_msg("its secrets are not %s, %s", status, reason);
}

/* ---- tests ---- */

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
	struct msg m = {.id = PROVIDER_UPDATE, .provider_update = {.secrets = &secret, .secrets_n = 1, .subject = SPAN("t")}};
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
	struct msg m = {.id = PROVIDER_UPDATE, .provider_update = {.config = config, .config_n = 2, .expiries = &expiry,
	    .expiries_n = 1, .subject = SPAN("t")}};
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
	    .secrets = (struct msg_sealed_secret[]){sealed("GITHUB_TOKEN")}, .secrets_n = 1};
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
	assert_true(clock_ms() - began < 1000);
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
	struct msg m = {.id = PROVIDER_UPDATE, .provider_update = {.secrets = &secret, .secrets_n = 1, .subject = SPAN("t")}};
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
		assert_int_equal(asked->msg.bundle_seal.items[0].tokens_n, i < 6 ? 3 + i : 9); /* eight, and the stable one */
		push = pushed(asked);
		heard_free(push);
		heard_free(asked);
	}
}

static void
two_that_deliver_one_key_do_not_go_together(void **unused)
{
	struct msg m = {.id = PROVIDER_ATTACH, .provider_attach = {.workspace = SPAN("default"), .sandbox = SPAN("agent"),
	    .provider = SPAN("hub2"), .subject = SPAN("tester")}};

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

/* Records under an older storage key are sealed again, and only those that are still the same. */
static void
records_are_rewrapped(void **unused)
{
	static char fingerprint[16] = "fingerprint-one", record[32] = "STORAGE2later";
	struct msg_key_use older = {SPAN("STORAGE1"), 0};
	struct msg have = {.id = KEYS_HAVE, .keys_have = {.newest = SPAN("STORAGE2"), .others = &older, .others_n = 1,
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
		assert_true(span_is(span_head(outcome.msg.keys_used.fingerprint, 1), "f")); /* the first that was told */
		outcome_done(&outcome);
	}
	sql("do \\$\\$ begin assert (select bool_and(storage_key = 'STORAGE2') from provider_secrets); end \\$\\$");
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

/* ---- refresh ---- */

static struct msg_refresh_state
refresh_is(const char *status)
{
	struct msg m = {.id = REFRESH_GET, .refresh_get = {SPAN("default"), SPAN("cloud"), SPAN("GCP_ADC_ACCESS_TOKEN")}};
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
	struct msg_sealed_secret secrets[2] = {sealed("client_secret"), sealed("refresh_token")}, first = sealed("OTHER_KEY");
	struct span material[] = {SPAN("client_id=me")};
	struct msg m = creation("cloud", "google-cloud", &first, 1);
	struct msg configure = {.id = REFRESH_CONFIGURE, .refresh_configure = {.key = SPAN("GCP_ADC_ACCESS_TOKEN"),
	    .strategy = 3, .material = material, .material_n = 1, .secrets = secrets, .secrets_n = 2, .subject = SPAN("t")}};
	struct msg rotate = {.id = REFRESH_ROTATE, .refresh_rotate = {SPAN("default"), SPAN("cloud"),
	    SPAN("GCP_ADC_ACCESS_TOKEN"), SPAN("t")}};
	struct msg end = {.id = REFRESH_DELETE, .refresh_delete = {SPAN("default"), SPAN("cloud"),
	    SPAN("GCP_ADC_ACCESS_TOKEN"), SPAN("t")}};
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
	outcome_done(&outcome);
	at = refresh_is("error");
	assert_true(at.next_ms > (uint64_t)clock_wall_ms() + 50000);

	answer.refreshed = (struct msg_refreshed){minted, 1, renewed, 1, (uint64_t)clock_wall_ms() + 3600000};
	ask(&outcome, api.peer, &rotate);
	heard = actor_hear(&credentials, REFRESH_RUN);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
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
	m = (struct msg){.id = PROVIDER_UPDATE, .provider_update = {.provider = configure.refresh_configure.provider,
	    .secrets_remove = &minted[0].key, .secrets_remove_n = 1}};
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
	struct msg m = {.id = SETTING_SET, .setting_set = {.key = SPAN("providers_v2_enabled"),
	    .value = span_of_text(value), .remove = value[0] == '\0', .subject = SPAN("t")}};

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
	struct msg_profile_new one = {SPAN("forge"), SPAN("\x0a\x05" "forge")};
	struct msg add = {.id = PROFILE_STORE, .profile_store = {.workspace = SPAN("default"), .profiles = &one,
	    .profiles_n = 1, .subject = SPAN("t")}};
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
	assert_true(clock_ms() - began < 500);
	began = clock_ms();
	ask(&outcome, api.peer, &m);
	store(actor_hear(&credentials, SECRETS_STORE), 1);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	(void)pushed_now();
	print_message("attached and pushed among thousands, changed and pushed in %lu ms\n",
	    (unsigned long)(clock_ms() - began));
	assert_true(clock_ms() - began < 500);
	drops_answer();
}

/* ---- another start ---- */

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
	m = (struct msg){.id = SECRETS_APPLIED, .secrets_applied = {.sandbox = box, .epoch = 1, .revision = 3, .loaded = true}};
	assert_int_equal(ask_now(relay.peer, &m), OK); /* late news of the start before */
	assert_false(condition_now("True", "Applied"));
	m.secrets_applied = (struct msg_secrets_applied){.sandbox = box, .epoch = 2, .revision = revision, .loaded = false,
	    .message = SPAN("the box does not open")};
	assert_int_equal(ask_now(relay.peer, &m), OK);
	condition_is("False", "SecretsRefused");
	m.secrets_applied.loaded = true;
	assert_int_equal(ask_now(relay.peer, &m), OK);
	condition_is("True", "Applied");
}

/* ---- the last: credentials is away ---- */

static void
without_credentials_nothing_is_half_made(void **unused)
{
	struct msg_sealed_secret secret = sealed("GITHUB_TOKEN");
	struct msg m = creation("away", "github", &secret, 1), up = {.id = SESSION_UP, .session_up = {box, 2, {{0}}, 0, 1}};
	struct outcome outcome;

	(void)unused;
	get(&outcome, box);
	up.session_up.instance = outcome.msg.sandbox_row.instance;
	outcome_done(&outcome);
	actor_done(&credentials);
	join(&credentials, ROLE_CREDENTIALS, "credentials"); /* with a key that nobody knows */
	refused(&m, ERR_UNAVAILABLE, "credentials"); /* at once, or because it went while it was asked */
	refused(&m, ERR_UNAVAILABLE, "credentials is not connected");
	sql("do \\$\\$ begin assert (select count(*) from providers where name = 'away') = 0; end \\$\\$");
	tell(relay.peer, &up);
	condition_is("False", "CredentialsAway");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(records_are_made_before_a_provider_is),
	cmocka_unit_test(what_nothing_refers_to_is_forgotten),
	cmocka_unit_test(maps_are_merged),
	cmocka_unit_test(a_running_sandbox_is_pushed_what_is_attached),
	cmocka_unit_test(old_placeholders_of_a_credential_stay_good),
	cmocka_unit_test(two_that_deliver_one_key_do_not_go_together),
	cmocka_unit_test(what_is_withheld_is_said),
	cmocka_unit_test(a_session_that_comes_back_is_given_what_is_new),
	cmocka_unit_test(records_are_rewrapped),
	cmocka_unit_test(a_record_under_an_old_key_comes_too_late),
	cmocka_unit_test(a_credential_is_renewed_and_pushed),
	cmocka_unit_test(providers_add_rules),
	cmocka_unit_test(profiles_are_kept_by_tier),
	cmocka_unit_test(thousands_do_not_slow_one),
	cmocka_unit_test(a_new_start_waits_for_its_secrets),
	cmocka_unit_test(without_credentials_nothing_is_half_made),
};

STAGE_MAIN(tests)
