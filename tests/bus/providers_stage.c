/* What tests of state's providers say again and again: credentials and api as a test plays them, pushes to one sandbox. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "tests/bus/providers_stage.h"

/* A sandbox that runs, from the first test on. */
struct id box;
char storage[] = "STORAGE1";

/* ---- credentials, as the test plays it ---- */

/* Records that name key and a number, under the storage key of now. */
void
store(struct heard *heard, unsigned number)
{
	static char bytes[32][64];
	static struct msg_secret_record records[32];
	const struct msg_secrets_store *in = &heard->msg.secrets_store;
	struct msg answer = {.id = SECRETS_STORED, .secrets_stored = {records, in->secrets_n}};

	for (size_t i = 0; i < in->secrets_n; i++) {
		snprintf(
		    bytes[i], sizeof(bytes[i]), "%s" SPAN_FORMAT "#%u", storage, SPAN_ARGS(in->secrets[i].key), number);
		records[i] = (struct msg_secret_record){in->secrets[i].key, span_of_text(bytes[i])};
	}
	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

/* Whatever is dropped is forgotten, until there is a message of another kind. */
void
drops_answer(void)
{
	for (struct heard *heard; (heard = actor_heard(&credentials, SECRETS_DROP)) != NULL; heard_free(heard))
		reply_send(&heard->reply, &done);
}

struct msg_sealed_secret
sealed(const char *key)
{
	static char box_bytes[80];

	memset(box_bytes, 'x', sizeof(box_bytes));
	return (struct msg_sealed_secret){span_of_text(key), span_of_bytes(box_bytes, sizeof(box_bytes))};
}

/* ---- api, as the test plays it ---- */

struct msg
creation(const char *name, const char *type, struct msg_sealed_secret *secrets, size_t n)
{
	return (struct msg){.id = PROVIDER_CREATE,
	    .provider_create = {.provider = id_new(),
		.name = span_of_text(name),
		.workspace = SPAN("default"),
		.type = span_of_text(type),
		.secrets = secrets,
		.secrets_n = n,
		.subject = SPAN("tester")}};
}

/* Made, with one credential. */
struct id
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

void
refused(const struct msg *m, enum err code, const char *words)
{
	struct outcome outcome;

	ask(&outcome, api.peer, m);
	outcome_wait(&outcome);
	if (outcome.r != code || strstr(outcome.why.text, words) == NULL)
		fail_msg("%s: %s, not %s: %s", err_name(outcome.r), outcome.why.text, err_name(code), words);
	outcome_done(&outcome);
}

bool
attach(const char *provider, bool detach, size_t *warnings)
{
	struct msg m = {.id = PROVIDER_ATTACH,
	    .provider_attach = {.workspace = SPAN("default"),
		.sandbox = SPAN("agent"),
		.provider = span_of_text(provider),
		.detach = detach,
		.subject = SPAN("tester")}};
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

bool
text_in(const struct span *texts, size_t n, const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (span_starts(texts[i], span_of_text(prefix)))
			return true;
	return false;
}

/* The box that credentials is asked for; the caller frees what it heard of it. */
struct heard *
seal_asked(void)
{
	struct heard *heard = actor_hear(&credentials, BUNDLE_SEAL);

	assert_true(id_equal(heard->msg.bundle_seal.sandbox, box));
	assert_memory_equal(heard->msg.bundle_seal.router_key.at, keys[1], 32);
	assert_memory_equal(heard->msg.bundle_seal.router_mac.at, keys[2], 32);
	return heard;
}

struct heard *
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
uint64_t
pushed_now(void)
{
	struct heard *asked = seal_asked(), *push = pushed(asked);
	uint64_t revision = push->msg.secrets_push.revision;

	heard_free(push);
	heard_free(asked);
	return revision;
}

bool
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
void
condition_is(const char *status, const char *reason)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;

	while (!condition_now(status, reason))
		if (clock_ms() > until_ms)
			fail_msg("its secrets are not %s, %s", status, reason);
}
