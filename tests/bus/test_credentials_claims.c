/* credentials alone, state played by the test: claims made and checked, and everyone else turned away. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>

#include "tests/bus/credentials_stage.h"

static struct secret box_secret;
static const struct id sandbox = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static struct msg
make(uint32_t epoch)
{
	return (struct msg){.id = CLAIM_MAKE, .claim_make = {sandbox, epoch, span_of_bytes(stage.driver_key, 32)}};
}

static void
claim_of(uint32_t epoch, struct secret *claim)
{
	const struct msg m = make(epoch);
	struct outcome outcome;
	const uint8_t *box;

	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, CLAIM_MADE);
	assert_memory_equal(outcome.msg.claim_made.credentials_key.at, stage.keys.roots[0].box_public, 32);
	box = (const uint8_t *)outcome.msg.claim_made.claim_box.at;
	assert_int_equal(
	    crypto_box_open_easy(claim->bytes, box + 24, 48, box, stage.keys.roots[0].box_public, box_secret.bytes), 0);
	outcome_done(&outcome);
}

static void
a_claim_opens_with_the_drivers_key(void **unused)
{
	struct secret claim, again, want;

	(void)unused;
	claim_of(7, &claim);
	root_claim(&stage.keys.roots[0], sandbox, 7, &want);
	assert_memory_equal(claim.bytes, want.bytes, 32);
	claim_of(7, &again); /* nothing is stored, and the same comes out */
	assert_memory_equal(claim.bytes, again.bytes, 32);
	claim_of(8, &again);
	assert_memory_not_equal(claim.bytes, again.bytes, 32);
}

static enum err
check(struct id of, uint32_t epoch, const uint8_t router_key[32], const uint8_t mac[32])
{
	const struct msg m = {
	    .id = CLAIM_CHECK, .claim_check = {of, epoch, span_of_bytes(router_key, 32), span_of_bytes(mac, 32)}};

	return ask_now(stage.state.peer, &m);
}

static void
a_router_is_known_by_its_claim(void **unused)
{
	uint8_t router[32], mac[32], other[32];
	struct secret claim;
	struct id stranger = sandbox;

	(void)unused;
	randombytes_buf(router, sizeof(router));
	randombytes_buf(other, sizeof(other));
	stranger.bytes[0] ^= 1;
	claim_of(7, &claim);
	claim_mac(&claim, sandbox, 7, router, mac);
	assert_int_equal(check(sandbox, 7, router, mac), OK);
	assert_int_equal(check(sandbox, 8, router, mac), ERR_DENIED);
	assert_int_equal(check(stranger, 7, router, mac), ERR_DENIED);
	assert_int_equal(check(sandbox, 7, other, mac), ERR_DENIED);
	mac[31] ^= 1;
	assert_int_equal(check(sandbox, 7, router, mac), ERR_DENIED); /* a wrong router_mac, by one bit */
}

/* A state that was taken over has a key of its own, and would be any sandbox's router with what it opens with it. */
static void
no_claim_is_boxed_for_a_strangers_key(void **unused)
{
	struct secret secret;
	uint8_t own[32];
	struct msg m = make(1);

	(void)unused;
	curve_keypair(&secret, own);
	m.claim_make.box_key = span_of_bytes(own, 32);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	memcpy(own, stage.driver_key, sizeof(own));
	own[0] ^= 1;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
}

static void
a_key_of_small_order_is_refused(void **unused)
{
	static uint8_t driver[32];
	struct msg m = make(1);

	(void)unused;
	stage_stop();
	memcpy(driver, stage.driver_key, sizeof(driver));
	memset(stage.driver_key, 0, sizeof(stage.driver_key));
	stage.driver_key[0] = 1; /* of order 1: what is boxed for it anybody could open */
	stage_start_well();
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID);
	stage_stop();
	memcpy(stage.driver_key, driver, sizeof(driver));
	stage_start_well();
}

/* What it does not take costs the link, and the next one is served. */
static void
other_messages_are_refused(void **unused)
{
	const struct msg drop = {.id = SESSION_DROP, .session_drop = {sandbox, 1}};
	struct msg m = make(1);
	int ups = stage.state.ups;

	(void)unused;
	tell(stage.state.peer, &drop); /* state may send that, but not to credentials */
	actor_wait_down(&stage.state, stage.state.downs + 1);
	actor_wait_up(&stage.state, ups + 1);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

static void
malformed_bytes_cost_the_link(void **unused)
{
	static char long_one[(2u << 20) + 1];
	static const struct span cases[] = {
	    {"\xc1", 1},
	    {"", 0},
	    {"\x94\x01\x01\xcd\x05\x05", 6}, /* claim_make without its fields */
	    {long_one, sizeof(long_one)},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg m = make(1);
		int ups = stage.state.ups;

		tell_raw(stage.state.peer, cases[i]);
		actor_wait_up(&stage.state, ups + 1);
		assert_int_equal(ask_now(stage.state.peer, &m), OK);
	}
}

/* Each start with a wrong key file ends at once with one sentence. */
static void
a_wrong_master_key_stops_the_start(void **unused)
{
	static const struct {
		size_t length;
		mode_t mode;
		const char *words;
	} cases[] = {
	    {31, 0600, "master_key_file: the key"},
	    {33, 0600, "master_key_file: the key"},
	    {0, 0600, "master_key_file: the key"},
	    {32, 0640, "chmod 600"},
	    {32, 0600, "ring: the master key is not the one it was sealed with"},
	};
	char bytes[33] = {0};

	(void)unused;
	stage_stop();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stage_file("master.key", bytes, cases[i].length, cases[i].mode);
		stage_start();
		assert_non_null(strstr(stage.daemon.words, "failed: "));
		assert_non_null(strstr(stage.daemon.words, cases[i].words));
		stage_wait_failed();
	}
	stage_file("master.key", stage.keys.roots[0].master.bytes, 32, 0600);
	stage_start_well();
}

/* The master key is replaced while a sandbox runs: its claim stays good, a new one is of the new key. */
static void
claims_of_a_retired_master_key(void **unused)
{
	const struct root before = stage.keys.roots[0];
	struct secret old, fresh;
	uint8_t router[32], mac[32];
	struct why why;

	(void)unused;
	randombytes_buf(router, sizeof(router));
	claim_of(7, &old);
	claim_mac(&old, sandbox, 7, router, mac);
	stage_stop();
	assert_int_equal(ring_retire(&stage.keys.ring, &before.master, &why), OK);
	randombytes_buf(stage.keys.roots[0].master.bytes, 32);
	root_derive(&stage.keys.roots[0]);
	stage_file("master.key", stage.keys.roots[0].master.bytes, 32, 0600);
	stage_ring_save();
	stage_start_well();
	assert_int_equal(stage.had.roots_n, 2);
	assert_int_equal(check(sandbox, 7, router, mac), OK);
	assert_int_equal(check(sandbox, 8, router, mac), ERR_DENIED);
	claim_of(7, &fresh);
	assert_memory_not_equal(fresh.bytes, old.bytes, 32);
	claim_mac(&fresh, sandbox, 7, router, mac);
	assert_int_equal(check(sandbox, 7, router, mac), OK);
	stage_stop();
	ring_release(&stage.keys.ring); /* nobody is left: what it vouched for counts no more */
	stage_ring_save();
	stage_start_well();
	claim_mac(&old, sandbox, 7, router, mac);
	assert_int_equal(check(sandbox, 7, router, mac), ERR_DENIED);
}

int
main(int argc, char **argv)
{
	static char program[512];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_claim_opens_with_the_drivers_key),
	    cmocka_unit_test(a_router_is_known_by_its_claim),
	    cmocka_unit_test(no_claim_is_boxed_for_a_strangers_key),
	    cmocka_unit_test(a_key_of_small_order_is_refused),
	    cmocka_unit_test(other_messages_are_refused),
	    cmocka_unit_test(malformed_bytes_cost_the_link),
	    cmocka_unit_test(claims_of_a_retired_master_key),
	    cmocka_unit_test(a_wrong_master_key_stops_the_start),
	};

	assert_true(argc >= 3);
	stage.program = argv[1];
	snprintf(program, sizeof(program), "fetch_program: %s\n", argv[2]);
	stage.more = program;
	curve_keypair(&box_secret, stage.driver_key);
	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
