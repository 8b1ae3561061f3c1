/* The stage of credentials. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "tests/bus/credentials_stage.h"

struct stage stage = {.more = ""};

void
stage_file(const char *name, const void *bytes, size_t length, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", stage.directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

void
stage_ring_save(void)
{
	uint8_t bytes[RING_BYTES_MAX];

	ring_write(&stage.keys.ring, &stage.keys.roots[0].master, bytes);
	stage_file("ring", bytes, RING_BYTES(stage.keys.ring.count + stage.keys.ring.retired_n), 0400);
}

bool
stage_keys_answered(void)
{
	struct msg answer = {.id = KEYS_USED, .keys_used = {stage.used, stage.used_n, stage.print}};
	struct heard *heard = actor_heard(&stage.state, KEYS_HAVE);

	if (heard == NULL)
		return false;
	if (stage.keys_refused > 0) {
		stage.keys_refused--;
		reply_fail(&heard->reply, ERR_UNAVAILABLE, &(struct why){"the database is away"});
		heard_free(heard);
		return false;
	}
	stage.keys_asked++;
	stage.had = heard->msg.keys_have;
	memcpy(stage.newest, heard->msg.keys_have.newest.at, sizeof(stage.newest));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return true;
}

static void
words_readable(void *self, uint32_t events)
{
	size_t room = sizeof(stage.daemon.words) - 1 - stage.words_n;
	ssize_t n = read(stage.words_fd, stage.daemon.words + stage.words_n, room);

	(void)self;
	(void)events;
	if (n > 0) {
		stage.words_n += (size_t)n;
		return;
	}
	stage.daemon.words[stage.words_n] = '\0';
	stage.words_whole = true;
	loop_remove(stage.loop, &stage.words_watch);
	close(stage.words_fd);
}

static bool
words_whole(void)
{
	stage_keys_answered();
	return stage.words_whole;
}

void
stage_start(void)
{
	char settings[2048], entry[256], driver[65];
	struct why why;

	hex_write(stage.driver_key, sizeof(stage.driver_key), driver);
	snprintf(settings, sizeof(settings),
	    "process: credentials\nmaster_key_file: %s/master.key\nring_file: %s/ring\nprogress_file: %s/progress\nledger_file: %s/ledger\n"
	    "driver_key: \"%s\"\n%sroster:\n%s",
	    stage.directory, stage.directory, stage.directory, stage.directory, driver, stage.more,
	    roster_yaml(&stage.state, "state", "ipc:///state/bus", entry));
	stage.words_whole = false;
	stage.words_n = 0;
	stage.words_fd = daemon_launch(&stage.daemon, stage.program, stage.directory, settings);
	assert_int_equal(
	    loop_add(stage.loop, &stage.words_watch, stage.words_fd, EPOLLIN, words_readable, NULL, &why), OK);
	UNTIL(stage.loop, words_whole());
}

void
stage_start_well(void)
{
	stage_start();
	assert_string_equal(stage.daemon.words, "ready\n");
	assert_non_null(stage.state.peer);
}

void
stage_stop(void)
{
	int downs = stage.state.downs;

	daemon_stop(&stage.daemon);
	assert_int_equal(child_exit_code(stage.daemon.status), 0);
	actor_wait_down(&stage.state, downs + 1);
}

void
stage_wait_failed(void)
{
	assert_int_equal(child_exit_code(child_wait(&stage.daemon.child)), EXIT_FAILURE);
	child_done(&stage.daemon.child);
}

int
stage_setup(void **unused)
{
	char endpoint[128], path[128];
	struct why why;

	(void)unused;
	directory_make(stage.directory);
	snprintf(path, sizeof(path), "%s/state", stage.directory);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(loop_new(&stage.loop, &why), OK);
	daemon_keys(&stage.daemon);
	if (sodium_is_zero(stage.driver_key, sizeof(stage.driver_key)))
		randombytes_buf(stage.driver_key, sizeof(stage.driver_key));
	randombytes_buf(stage.keys.roots[0].master.bytes, sizeof(stage.keys.roots[0].master.bytes));
	root_derive(&stage.keys.roots[0]);
	assert_int_equal(ring_add(&stage.keys.ring, &why), OK);
	stage_file("master.key", stage.keys.roots[0].master.bytes, 32, 0600);
	stage_ring_save();
	actor_init(&stage.state, stage.loop, ROLE_STATE, "state");
	actor_join(&stage.state, ROLE_CREDENTIALS, "credentials", stage.daemon.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", stage.directory);
	assert_int_equal(curve_bind(stage.state.curve, endpoint, false, &why), OK);
	stage_start_well();
	return 0;
}

int
stage_teardown(void **unused)
{
	(void)unused;
	daemon_stop(&stage.daemon);
	assert_int_equal(child_exit_code(stage.daemon.status), 0);
	actor_done(&stage.state);
	loop_free(stage.loop);
	directory_remove(stage.directory);
	return 0;
}

size_t
stage_ledger_bytes(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ledger", stage.directory);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}
