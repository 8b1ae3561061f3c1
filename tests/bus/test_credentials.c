/* credentials alone, state played by the test: claims made and checked, and everyone else turned away. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "services/credentials/keys.h"
#include "tests/bus/script.h"

static const char *program;
static char directory[64];
static struct loop *loop;
static struct daemon daemon_;
static struct actor state;
static struct keys keys; /* what the daemon's must be */
static uint8_t box_key[32];
static struct secret box_secret;
static const struct id sandbox = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void
file_write(const char *name, const void *bytes, size_t length, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
ring_save(void)
{
	uint8_t bytes[RING_BYTES_MAX];

	ring_write(&keys.ring, &keys.master, bytes);
	file_write("ring", bytes, RING_BYTES(keys.ring.count), 0400);
}

static void
start(void)
{
	char settings[1024], entry[256];

	snprintf(settings, sizeof(settings),
	    "process: credentials\nmaster_key_file: %s/master.key\nring_file: %s/ring\nroster:\n%s", directory, directory,
	    roster_yaml(&state, "state", "ipc:///state/bus", entry));
	daemon_start(&daemon_, program, directory, settings);
}

static int
setup(void **unused)
{
	char endpoint[128], path[128];
	struct why why;

	(void)unused;
	directory_make(directory);
	snprintf(path, sizeof(path), "%s/state", directory);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&daemon_);
	curve_keypair(&box_secret, box_key);
	randombytes_buf(keys.master.bytes, sizeof(keys.master.bytes));
	keys_derive(&keys);
	assert_int_equal(ring_add(&keys.ring, &why), OK);
	file_write("master.key", keys.master.bytes, 32, 0600);
	ring_save();
	actor_init(&state, loop, ROLE_STATE, "state");
	actor_join(&state, ROLE_CREDENTIALS, "credentials", daemon_.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	assert_int_equal(curve_bind(state.curve, endpoint, false, &why), OK);
	start();
	assert_string_equal(daemon_.words, "ready\n");
	actor_wait_up(&state, 1);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	daemon_stop(&daemon_);
	assert_int_equal(child_exit_code(daemon_.status), 0);
	actor_done(&state);
	loop_free(loop);
	directory_remove(directory);
	return 0;
}

static struct msg
make(uint32_t epoch)
{
	return (struct msg){.id = CLAIM_MAKE, .claim_make = {sandbox, epoch, span_of_bytes(box_key, 32)}};
}

static void
claim_of(uint32_t epoch, struct secret *claim)
{
	const struct msg m = make(epoch);
	struct outcome outcome;
	const uint8_t *box;

	ask(&outcome, state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, CLAIM_MADE);
	assert_memory_equal(outcome.msg.claim_made.credentials_key.at, keys.box_public, 32);
	box = (const uint8_t *)outcome.msg.claim_made.claim_box.at;
	assert_int_equal(
	    crypto_box_open_easy(claim->bytes, box + 24, 48, box, keys.box_public, box_secret.bytes), 0);
	outcome_done(&outcome);
}

static void
a_claim_opens_with_the_drivers_key(void **unused)
{
	struct secret claim, again, want;

	(void)unused;
	claim_of(7, &claim);
	keys_claim(&keys, sandbox, 7, &want);
	assert_memory_equal(claim.bytes, want.bytes, 32);
	claim_of(7, &again); /* nothing is stored, and the same comes out */
	assert_memory_equal(claim.bytes, again.bytes, 32);
	claim_of(8, &again);
	assert_memory_not_equal(claim.bytes, again.bytes, 32);
}

static enum err
check(struct id of, uint32_t epoch, const uint8_t router_key[32], const uint8_t mac[32])
{
	const struct msg m = {.id = CLAIM_CHECK,
	    .claim_check = {of, epoch, span_of_bytes(router_key, 32), span_of_bytes(mac, 32)}};

	return ask_now(state.peer, &m);
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

static void
a_key_of_small_order_is_refused(void **unused)
{
	static const uint8_t zero[32];
	struct msg m = make(1);

	(void)unused;
	m.claim_make.box_key = span_of_bytes(zero, 32);
	assert_int_equal(ask_now(state.peer, &m), ERR_INVALID);
}

/* What it does not take costs the link, and the next one is served. */
static void
other_messages_are_refused(void **unused)
{
	const struct msg drop = {.id = SESSION_DROP, .session_drop = {sandbox, 1}};
	struct msg m = make(1);
	int ups = state.ups;

	(void)unused;
	tell(state.peer, &drop); /* state may send that, but not to credentials */
	actor_wait_down(&state, state.downs + 1);
	actor_wait_up(&state, ups + 1);
	assert_int_equal(ask_now(state.peer, &m), OK);
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
		int ups = state.ups;

		tell_raw(state.peer, cases[i]);
		actor_wait_up(&state, ups + 1);
		assert_int_equal(ask_now(state.peer, &m), OK);
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
	daemon_stop(&daemon_);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_write("master.key", bytes, cases[i].length, cases[i].mode);
		start();
		assert_non_null(strstr(daemon_.words, "failed: "));
		assert_non_null(strstr(daemon_.words, cases[i].words));
		assert_int_equal(child_exit_code(child_wait(&daemon_.child)), EXIT_FAILURE);
		child_done(&daemon_.child);
	}
	file_write("master.key", keys.master.bytes, 32, 0600);
	start();
	assert_string_equal(daemon_.words, "ready\n");
	actor_wait_up(&state, state.ups + 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_claim_opens_with_the_drivers_key),
	    cmocka_unit_test(a_router_is_known_by_its_claim),
	    cmocka_unit_test(a_key_of_small_order_is_refused),
	    cmocka_unit_test(other_messages_are_refused),
	    cmocka_unit_test(malformed_bytes_cost_the_link),
	    cmocka_unit_test(a_wrong_master_key_stops_the_start),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
