/* Values in a secret store outside: Vault and Kubernetes, played by stand-ins that know the real paths, shapes and statuses. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/seal/bundle_box.h"
#include "common/seal/sealed.h"
#include "tests/bus/credentials_stage.h"
#include "tests/bus/stand_in.h"
#include "tests/unit/run.h"

static const struct id provider = {{7}}, sandbox = {{1}}, attempts[] = {{{1}}, {{2}}};
static const char *scripts[2], *program; /* stand-ins: token servers, secret stores */
static char log_paths[2][128], base_settings[512];
static unsigned token_port, port;
static struct stand_in servers[2];
static uint8_t router_key[32];
static struct secret router_secret;

static const struct {
	const char *name, *settings;
} stores[] = {
    {"vault", "store: vault\nstore_mount: kv\n"},
    {"vault by login",
	"store: vault\nstore_mount: kv\nstore_auth: kubernetes\nstore_auth_mount: k8s\nstore_role: openshell\n"},
    {"kubernetes", "store: kubernetes\nstore_namespace: agents\n"},
};

static struct stand_in
server_start(size_t i)
{
	snprintf(log_paths[i], sizeof(log_paths[i]), "%s/log%zu", stage.directory, i);
	return stand_in_start(scripts[i], log_paths[i], NULL, NULL);
}

static int
outside_setup(void **unused)
{
	stage_setup(unused);
	servers[0] = server_start(0);
	servers[1] = server_start(1);
	token_port = servers[0].port;
	port = servers[1].port;
	return 0;
}

static int
outside_teardown(void **unused)
{
	for (size_t i = 0; i < COUNT(servers); i++)
		stand_in_end(&servers[i]);
	return stage_teardown(unused);
}

static void
restart(size_t store, const char *token)
{
	stage_file("token", token, strlen(token), 0600);
	snprintf(base_settings, sizeof(base_settings),
	    "fetch_program: %s\nfetch_limit_ms: 10000\nstore_address: http://127.0.0.1:%u\nstore_token_file: %s/token\n%s",
	    program, port, stage.directory, stores[store].settings);
	stage.more = base_settings;
	stage_stop();
	stage_start_well();
}

static const char *
token_of(size_t store)
{
	return strcmp(stores[store].name, "vault") == 0 ? "hvs.file\n" : "service-account-token\n";
}

/* How often the word stands in what the stores hold, in clear or as Kubernetes has it, in base64. */
static int
held(const char *word, const char *letters)
{
	static const char counts[] = "import sys, urllib.request as web\n"
				     "dump = web.urlopen(sys.argv[1]).read().decode()\n"
				     "sys.exit(100 + sum(dump.count(word) for word in sys.argv[2:]))";
	char url[64];
	int code;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/dump", port);
	code = program_run((const char *const[]){"python3", "-c", counts, url, word, letters, NULL});
	assert_in_range(code, 100, 120);
	return code - 100;
}

static void
store(const char *const *values, size_t n, struct id attempt, struct outcome *outcome)
{
	static uint8_t boxes[4][SEALED_BYTES(8, 64)];
	static char keys[4][8];
	struct msg_sealed_secret secrets[4];
	const struct msg m = {.id = SECRETS_STORE,
	    .secrets_store = {.provider_id = provider, .secrets = secrets, .secrets_n = n, .attempt = attempt}};
	struct why why;

	for (size_t i = 0; i < n; i++) {
		snprintf(keys[i], sizeof(keys[i]), "KEY_%zu", i);
		assert_int_equal(sealed_make(stage.keys.roots[0].box_public, provider, span_of_text(keys[i]),
				     span_of_text(values[i]), boxes[i], &why),
		    OK);
		secrets[i] = (struct msg_sealed_secret){
		    span_of_text(keys[i]), span_of_bytes(boxes[i], SEALED_BYTES(5, strlen(values[i])))};
	}
	ask(outcome, stage.state.peer, &m);
	outcome_wait(outcome);
}

/* What a router would find in a bundle of these records. */
static enum err
bundled(const struct msg_secret_record *records, size_t n, const char *const *values, char *words, size_t size)
{
	auto_arena struct arena arena = {0};
	struct msg_bundle_item items[4] = {{.redact = false}};
	static uint8_t room[65536];
	struct msg_bundle out;
	struct outcome outcome;
	struct secret claim;
	uint8_t mac[32];
	struct msg m = {.id = BUNDLE_SEAL,
	    .bundle_seal = {sandbox, 1, span_of_bytes(router_key, 32), span_of_bytes(mac, 32), 1, 0, 1, items, n}};
	struct why why;
	enum err r;

	root_claim(&stage.keys.roots[0], sandbox, 1, &claim);
	claim_mac(&claim, sandbox, 1, router_key, mac);
	for (size_t i = 0; i < n; i++)
		items[i] = (struct msg_bundle_item){.slot = records[i].key,
		    .provider_id = provider,
		    .record = (struct msg_secret_record *)&records[i],
		    .record_n = 1};
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	snprintf(words, size, "%.200s", outcome.why.text);
	if ((r = outcome.r) == OK) {
		assert_int_equal(bundle_box_open(outcome.msg.bundle_sealed.box, stage.keys.roots[0].box_public,
				     &router_secret, room, &arena, &out, &why),
		    OK);
		for (size_t i = 0; i < n; i++)
			assert_true(span_is(out.entries[i].value, values[i]));
	}
	outcome_done(&outcome);
	return r;
}

static enum err
drop(struct msg_secret_record *records, size_t n, struct id attempt)
{
	const struct msg m = {.id = SECRETS_DROP, .secrets_drop = {provider, records, n, attempt}};

	return ask_now(stage.state.peer, &m);
}

static void
values_live_outside(void **unused)
{
	static const char *const values[] = {"value-\"one\"\n", "value-two", "\xff\xfe not text", ""};
	struct outcome first, second;
	char words[256];

	(void)unused;
	for (size_t i = 0; i < COUNT(stores); i++) {
		restart(i, token_of(i));
		store(values, 4, attempts[0], &first);
		if (first.r != OK)
			fail_msg("%s: %s", stores[i].name, first.why.text);
		assert_true(held("value-two", "dmFsdWUtdHdv") == 1);
		assert_int_equal(bundled(first.msg.secrets_stored.records, 4, values, words, sizeof(words)), OK);
		/* A second attempt has places of its own: what the first one put is not touched. */
		store(values, 2, attempts[1], &second);
		assert_int_equal(second.r, OK);
		assert_true(held("value-two", "dmFsdWUtdHdv") == 2);
		assert_int_equal(drop(first.msg.secrets_stored.records, 4, (struct id){{0}}), OK);
		assert_true(held("value-two", "dmFsdWUtdHdv") == 1);
		assert_int_equal(
		    drop(first.msg.secrets_stored.records, 4, (struct id){{0}}), OK); /* again: it is gone anyway */
		assert_int_equal(bundled(second.msg.secrets_stored.records, 2, values, words, sizeof(words)), OK);
		assert_int_equal(bundled(first.msg.secrets_stored.records, 1, values, words, sizeof(words)), ERR_STATE);
		assert_non_null(strstr(words, "answered 404"));
		/* An attempt that state never finished: by its number alone. */
		assert_int_equal(drop(NULL, 0, attempts[1]), OK);
		assert_int_equal(drop(NULL, 0, attempts[1]), OK);
		assert_true(held("value-two", "dmFsdWUtdHdv") == 0);
		outcome_done(&first);
		outcome_done(&second);
	}
}

static void
a_store_that_refuses(void **unused)
{
	static const char *const values[] = {"value-x"};
	struct outcome outcome;

	(void)unused;
	for (size_t i = 0; i < COUNT(stores); i++) {
		restart(i, "wrong\n");
		store(values, 1, attempts[0], &outcome);
		assert_int_equal(outcome.r, ERR_UNAVAILABLE);
		assert_non_null(strstr(outcome.why.text, "the secret store answered 40"));
		assert_null(strstr(outcome.why.text, "value-x"));
		outcome_done(&outcome);
		assert_int_equal(drop(NULL, 0, attempts[0]), ERR_UNAVAILABLE); /* state asks again */
	}
	restart(0, "");
	store(values, 1, attempts[0], &outcome);
	assert_int_equal(outcome.r, ERR_INVALID);
	outcome_done(&outcome);
	assert_int_equal(held("value-x", "dmFsdWUte"), 0);
}

/* A store that is no longer configured, and the way back to Postgres. */
static void
another_store(void **unused)
{
	static const char *const values[] = {"value-y"};
	struct outcome outcome;
	char words[256];

	(void)unused;
	restart(0, token_of(0));
	store(values, 1, attempts[0], &outcome);
	assert_int_equal(outcome.r, OK);
	restart(2, token_of(2));
	assert_int_equal(bundled(outcome.msg.secrets_stored.records, 1, values, words, sizeof(words)), ERR_STATE);
	assert_non_null(strstr(words, "a secret store that is not configured: vault"));
	assert_int_equal(drop(outcome.msg.secrets_stored.records, 1, (struct id){{0}}), ERR_STATE);
	restart(0, token_of(0));
	assert_int_equal(drop(outcome.msg.secrets_stored.records, 1, (struct id){{0}}), OK);
	outcome_done(&outcome);
}

/* ---- a refresh that is cut off ---- */

static void
killed(void)
{
	int downs = stage.state.downs;

	child_kill(&stage.daemon.child, SIGKILL);
	child_wait(&stage.daemon.child);
	child_done(&stage.daemon.child);
	actor_wait_down(&stage.state, downs + 1);
}

static struct msg
refresh(char url[128], const char *path, struct msg_secret_record *secret, struct id attempt)
{
	static uint8_t bytes[STORED_BYTES(4)];
	const struct stored_owner owner = {provider, SPAN("refresh_token")};
	struct why why;

	if (secret->record.length == 0)
		assert_int_equal(
		    stored_make(&stage.keys.ring.keys[0], &owner, STORED_VALUE, SPAN("rt-1"), bytes, &why), OK);
	*secret = (struct msg_secret_record){owner.key, span_of_bytes(bytes, sizeof(bytes))};
	snprintf(url, 128, "http://127.0.0.1:%u%s", token_port, path);
	return (struct msg){.id = REFRESH_RUN,
	    .refresh_run = {.provider_id = provider,
		.key = SPAN("API_TOKEN"),
		.strategy = 3,
		.token_url = span_of_text(url),
		.secrets = secret,
		.secrets_n = 1,
		.lifetime_ms = 3600000,
		.attempt = attempt}};
}

static void
hold_end(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/log1.hold", stage.directory);
	assert_int_equal(unlink(path), 0);
}

/* It is in so many places, once the attempt that was cut off is dropped, as state does later: what it had sent may still arrive. */
static bool
places_are(int want)
{
	assert_int_equal(drop(NULL, 0, attempts[0]), OK);
	return held("rt-2", "cnQtMg==") == want;
}

/*
 * kill -9 of credentials when the token server has answered with a new refresh token and the store is being written: the next one goes
 * on from the ledger, the server is not asked again, and the store has it once.
 */
static void
a_new_refresh_token_outlives_credentials(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(stores); i++) {
		struct msg_secret_record secret = {.record = SPAN_NONE};
		struct outcome outcome;
		unsigned puts, asked = log_count(log_paths[0], "POST /rotating ");
		char url[128];
		struct msg m;

		restart(i, token_of(i));
		m = refresh(url, "/rotating", &secret, attempts[0]);
		puts = log_count(log_paths[1], "POST ");
		stage_file("log1.hold", "", 0, 0600);
		ask(&outcome, stage.state.peer, &m);
		WATCH(stage.loop, log_count(log_paths[1], "POST ") > puts);
		assert_true(stage_ledger_bytes() > 0);
		killed();
		outcome_wait(&outcome);
		outcome_done(&outcome);
		hold_end();
		stage_start_well();
		m = refresh(url, "/denied", &secret, attempts[1]);
		ask(&outcome, stage.state.peer, &m);
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s: %s", stores[i].name, outcome.why.text);
		assert_int_equal(outcome.msg.refreshed.material_n, 1);
		WATCH(stage.loop, places_are(1));
		assert_int_equal(log_count(log_paths[0], "POST /rotating "), asked + 1);
		m = (struct msg){.id = REFRESH_KEPT, .refresh_kept = {provider, SPAN("API_TOKEN")}};
		assert_int_equal(peer_tell(stage.state.peer, &m, &outcome.why), OK);
		WATCH(stage.loop, stage_ledger_bytes() == 0);
		m = refresh(url, "/denied", &secret, attempts[0]);
		assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED); /* forgotten: the server is asked */
		assert_int_equal(drop(outcome.msg.refreshed.material, 1, (struct id){{0}}), OK);
		assert_int_equal(drop(outcome.msg.refreshed.records, 1, (struct id){{0}}), OK);
		WATCH(stage.loop, places_are(0));
		outcome_done(&outcome);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_live_outside),
	    cmocka_unit_test(a_store_that_refuses),
	    cmocka_unit_test(another_store),
	    cmocka_unit_test(a_new_refresh_token_outlives_credentials),
	};
	static char more[512];

	assert_int_equal(argc, 5);
	assert_true(sodium_init() >= 0);
	stage.program = argv[1];
	program = argv[2];
	scripts[0] = argv[3];
	scripts[1] = argv[4];
	snprintf(more, sizeof(more), "fetch_program: %s\n", program);
	stage.more = more;
	crypto_box_keypair(router_key, router_secret.bytes);
	return cmocka_run_group_tests(tests, outside_setup, outside_teardown);
}
