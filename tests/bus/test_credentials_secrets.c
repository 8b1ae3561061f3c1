/* Secrets alone with credentials: stored, boxed for a router, wrapped anew, and never under keys that are not its own. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/seal/bundle_box.h"
#include "common/seal/master.h"
#include "common/seal/sealed.h"
#include "tests/bus/credentials_stage.h"

#define SECRETS 3

static const struct id provider = {{7}}, stranger = {{8}}, sandbox = {{1, 2, 3}};
static uint8_t router_key[32];
static struct secret router_secret;

/* What api would make of "value-KEY". */
static struct msg_sealed_secret
sealed(struct id of, const char *sealed_key, const char *key, uint8_t *box)
{
	char value[64];
	int n = snprintf(value, sizeof(value), "value-%s", sealed_key);
	struct why why;

	assert_int_equal(sealed_make(stage.keys.roots[0].box_public, of, span_of_text(sealed_key),
			     span_of_bytes(value, (size_t)n), box, &why),
	    OK);
	return (struct msg_sealed_secret){span_of_text(key), span_of_bytes(box, SEALED_BYTES(strlen(sealed_key), n))};
}

static void
store(const char *const *keys, size_t n, struct outcome *outcome)
{
	static uint8_t boxes[SECRETS][SEALED_BYTES(64, 64)];
	struct msg_sealed_secret secrets[SECRETS];
	const struct msg m = {
	    .id = SECRETS_STORE, .secrets_store = {.provider_id = provider, .secrets = secrets, .secrets_n = n}};

	for (size_t i = 0; i < n; i++)
		secrets[i] = sealed(provider, keys[i], keys[i], boxes[i]);
	ask(outcome, stage.state.peer, &m);
	outcome_wait(outcome);
	assert_int_equal(outcome->r, OK);
	assert_int_equal(outcome->msg.id, SECRETS_STORED);
	assert_int_equal(outcome->msg.secrets_stored.records_n, n);
}

static bool
record_says(const struct storage_key *key, const struct msg_secret_record *record, const char *value)
{
	const struct stored_owner owner = {provider, record->key};
	auto_free uint8_t *room = malloc(record->record.length);
	enum stored_kind kind;
	struct span have;
	struct why why;

	return stored_open(key, &owner, record->record, room, &kind, &have, &why) == OK && kind == STORED_VALUE &&
	       span_is(have, value);
}

static void
records_are_under_the_newest_key(void **unused)
{
	static const char *const keys[SECRETS] = {"A", "B", "API_KEY"};
	struct outcome outcome;

	(void)unused;
	store(keys, SECRETS, &outcome);
	assert_true(record_says(&stage.keys.ring.keys[0], &outcome.msg.secrets_stored.records[0], "value-A"));
	assert_true(record_says(&stage.keys.ring.keys[0], &outcome.msg.secrets_stored.records[2], "value-API_KEY"));
	assert_true(span_is(outcome.msg.secrets_stored.records[2].key, "API_KEY"));
	outcome_done(&outcome);
}

static void
boxes_of_others_are_refused(void **unused)
{
	uint8_t box[SEALED_BYTES(64, 64)], key[32], secret[32];
	struct msg_sealed_secret secrets[1];
	const struct msg m = {
	    .id = SECRETS_STORE, .secrets_store = {.provider_id = provider, .secrets = secrets, .secrets_n = 1}};

	(void)unused;
	secrets[0] = sealed(stranger, "A", "A", box);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED); /* state may not give it to another provider */
	secrets[0] = sealed(provider, "A", "B", box);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED); /* nor to another key */
	secrets[0] = sealed(provider, "A", "A", box);
	box[60] ^= 1;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	crypto_box_keypair(key, secret);
	crypto_box_seal(box, (const uint8_t *)"0123456789abcdef\0\1Kv", 20, key);
	secrets[0].box = span_of_bytes(box, 68);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	secrets[0] = sealed(provider, "A", "A", box);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

static struct msg
drop(const struct msg_secret_record *records, size_t n)
{
	return (struct msg){.id = SECRETS_DROP,
	    .secrets_drop = {.provider_id = provider, .records = (struct msg_secret_record *)records, .records_n = n}};
}

/* ---- bundles ---- */

static struct span tokens[] = {{"v1_API_KEY", 10}};
static struct msg_binding bindings[] = {{SPAN("api.example.org"), 443, SPAN("/v1/**")}};

static struct msg
bundle(struct msg_bundle_item *items, size_t n, uint8_t mac[32])
{
	struct secret claim;

	root_claim(&stage.keys.roots[0], sandbox, 5, &claim);
	claim_mac(&claim, sandbox, 5, router_key, mac);
	return (struct msg){.id = BUNDLE_SEAL,
	    .bundle_seal = {sandbox, 5, span_of_bytes(router_key, 32), span_of_bytes(mac, 32), 12, 1, 3, items, n}};
}

static void
a_bundle_opens_for_its_router(void **unused)
{
	static const char *const keys[] = {"API_KEY"};
	auto_arena struct arena arena = {0};
	struct outcome stored, outcome;
	struct msg_bundle_item items[2] = {
	    {SPAN("API_KEY"), tokens, 1, SPAN("openai"), provider, NULL, 1, bindings, 1, 99, true, false},
	    {.slot = SPAN("backend"), .plain = true}};
	struct msg_bundle out;
	uint8_t mac[32], room[4096];
	struct why why;
	struct msg m;

	(void)unused;
	store(keys, 1, &stored);
	items[0].record = stored.msg.secrets_stored.records;
	m = bundle(items, 2, mac);
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(bundle_box_open(outcome.msg.bundle_sealed.box, stage.keys.roots[0].box_public, &router_secret,
			     room, &arena, &out, &why),
	    OK);
	assert_true(id_equal(out.sandbox, sandbox) && out.epoch == 5 && out.revision == 12 && out.chunk == 1 &&
		    out.chunks == 3);
	assert_true(out.entries_n == 2 && span_is(out.entries[0].value, "value-API_KEY") && out.entries[0].redact);
	assert_true(span_is(out.entries[0].tokens[0], "v1_API_KEY") && out.entries[0].expires_ms == 99);
	assert_true(span_is(out.entries[0].bindings[0].path, "/v1/**") && out.entries[1].plain);
	outcome_done(&outcome);
	mac[7] ^= 1; /* a key that no claim vouches for */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	mac[7] ^= 1;
	m.bundle_seal.epoch = 6;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	m.bundle_seal.epoch = 5;
	items[0].provider_id = stranger; /* a record of another provider */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	items[0].provider_id = provider;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	m = drop(stored.msg.secrets_stored.records, 1);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	outcome_done(&stored);
}

/* ---- keys ---- */

static void
progress_says(const char *words)
{
	char path[128], line[128] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/progress", stage.directory);
	assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
	assert_true(read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	if (strstr(line, words) == NULL)
		fail_msg("progress says %s", line);
}

/* Records under an older key are counted, wrapped anew, and then nobody needs that key. */
static void
a_second_key(void **unused)
{
	static const char *const keys[] = {"A", "B"};
	struct storage_key old = stage.keys.ring.keys[0];
	struct msg m = {.id = SECRETS_REWRAP};
	struct outcome stored, outcome;
	struct why why;
	int asked;

	(void)unused;
	store(keys, 2, &stored);
	stage_stop();
	assert_int_equal(ring_add(&stage.keys.ring, &why), OK);
	stage_ring_save();
	stage.used[0] = (struct msg_key_use){span_of_bytes(old.name, 8), 2};
	stage.used_n = 1;
	stage_start_well();
	assert_int_equal(stage.had.others_n, 1);
	assert_memory_equal(stage.newest, stage.keys.ring.keys[0].name, 8);
	progress_says("old=2 quiet_ms=0 ");
	m.secrets_rewrap = (struct msg_secrets_rewrap){
	    .provider_id = provider, .records = stored.msg.secrets_stored.records, .records_n = 2};
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(record_says(&stage.keys.ring.keys[0], &outcome.msg.secrets_stored.records[1], "value-B"));
	m.secrets_rewrap.provider_id = stranger;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	stage.used[0] = (struct msg_key_use){span_of_bytes(stage.keys.ring.keys[0].name, 8), 2};
	asked = stage.keys_asked;
	UNTIL(stage.loop, (stage_keys_answered(), stage.keys_asked == asked + 2)); /* it goes on asking by itself */
	UNTIL(stage.loop, (stage_keys_answered(), stage.keys_asked == asked + 3));
	progress_says("old=0 quiet_ms=");
	outcome_done(&outcome);
	stage_stop();
	ring_trim(&stage.keys.ring);
	stage_ring_save();
	stage_start_well();
	m.secrets_rewrap.provider_id = provider;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_STATE); /* the old records: that key is gone */
	m = drop(stored.msg.secrets_stored.records, 2);
	assert_int_equal(ask_now(stage.state.peer, &m), OK); /* and yet they can be forgotten */
	outcome_done(&stored);
}

/* state is up before its database is. */
static void
state_that_cannot_say_yet(void **unused)
{
	(void)unused;
	stage_stop();
	stage.keys_refused = 2;
	stage_start_well();
	assert_int_equal(stage.keys_refused, 0);
}

/* Each of these must end the start with one sentence, and leave all as it was. */
static void
keys_that_are_not_the_stores(void **unused)
{
	static const uint8_t missing[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t print[MASTER_PRINT_BYTES];

	(void)unused;
	stage_stop();
	stage.used[0] = (struct msg_key_use){span_of_bytes(stage.keys.ring.keys[0].name, 8), 2};
	stage.used[1] = (struct msg_key_use){span_of_bytes(missing, 8), 3};
	stage.used_n = 2;
	stage_start();
	assert_non_null(
	    strstr(stage.daemon.words, "failed: 3 stored secrets are sealed under the storage key 0102030405060708"));
	stage_wait_failed();
	stage.used_n = 1;
	stage.print = SPAN("0123456789abcdef");
	stage_start();
	assert_non_null(strstr(stage.daemon.words, "failed: the database belongs to another master key"));
	stage_wait_failed();
	master_print(&stage.keys.roots[0].master, print);
	stage.print = span_of_bytes(print, sizeof(print));
	stage_start_well();
	/* A database that is changed under a running one, too. */
	stage.used_n = 2;
	actor_wait_up(&stage.state, stage.state.ups);
	tell_raw(stage.state.peer, SPAN("\xc1")); /* it connects anew, and asks */
	UNTIL(stage.loop, stage_keys_answered());
	stage_wait_failed();
	stage.used_n = 0;
	stage.print = SPAN_NONE;
	stage_start_well();
}

int
main(int argc, char **argv)
{
	static char program[512];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_under_the_newest_key),
	    cmocka_unit_test(boxes_of_others_are_refused),
	    cmocka_unit_test(a_bundle_opens_for_its_router),
	    cmocka_unit_test(a_second_key),
	    cmocka_unit_test(state_that_cannot_say_yet),
	    cmocka_unit_test(keys_that_are_not_the_stores),
	};

	assert_true(argc >= 3);
	assert_true(sodium_init() >= 0);
	stage.program = argv[1];
	snprintf(program, sizeof(program), "fetch_program: %s\n", argv[2]);
	stage.more = program;
	crypto_box_keypair(router_key, router_secret.bytes);
	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
