/* driver-local alone, state played by the test: boxes are made, found again, ended and removed, and never lost or doubled. */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "tests/bus/script.h"

#define ORDINARY_ID 65533 /* no account needed */

static const char *program, *launcher;
static char directory[64], settings[4096];
static struct loop *loop;
static struct daemon daemon_;
static struct actor state;
static struct secret box_secret, credentials_secret;
static uint8_t box_key[32], credentials_key[32];

/* ---- the other side ---- */

static void
file_copy(const char *from, const char *to)
{
	auto_fd int in = open(from, O_RDONLY | O_CLOEXEC);
	auto_fd int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	static char bytes[1 << 20];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
}

static void
make_directory(const char *name, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(mkdir(path, mode), 0);
}

static void
settings_make(void)
{
	char entry[256], endpoint[128], secret[65], relay[65];
	uint8_t relay_key[32] = {7};

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	hex_write(box_secret.bytes, 32, secret);
	hex_write(relay_key, 32, relay);
	snprintf(settings, sizeof(settings),
	    "process: driver-local\ndata_dir: %s/data\nbundle: %s/bundle\nrelay_dir: %s/relay\nrelay_key: \"%s\"\n"
	    "box_secret: \"%s\"\nstop_ms: 200\nsandboxes_max: 5\nsandbox_uid_base: 300000000\nnever: [%s]\nroster:\n%s",
	    directory, directory, directory, relay, secret, directory, roster_yaml(&state, "state", endpoint, entry));
}

/* The driver joins; what should be is told by the test, then desired_end. */
static void
joined(void)
{
	struct heard *heard = actor_hear(&state, DRIVER_JOIN);
	const struct msg_driver_join *in = &heard->msg.driver_join;

	assert_true(span_is(in->name, "local"));
	assert_false(in->images);
	assert_memory_equal(in->box_key.at, box_key, 32);
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
}

static void
list_over(void)
{
	tell(state.peer, &(struct msg){.id = DESIRED_END});
}

static void
start(void)
{
	int ups = state.ups;

	daemon_start(&daemon_, program, directory, settings);
	assert_string_equal(daemon_.words, "ready\n");
	actor_wait_up(&state, ups + 1);
	joined();
}

static void
end(void)
{
	int downs = state.downs;

	child_kill(&daemon_.child, SIGKILL);
	child_wait(&daemon_.child);
	actor_wait_down(&state, downs + 1);
	for (struct heard *heard;
	     (heard = actor_heard(&state, TICKET)) != NULL || (heard = actor_heard(&state, OBSERVED)) != NULL;)
		heard_free(heard);
}

static int
setup(void **unused)
{
	char endpoint[128], to[128];
	struct why why;

	(void)unused;
	directory_make(directory);
	make_directory("state", 0755);
	make_directory("relay", 0755);
	make_directory("bundle", 0755);
	make_directory("bundle/bin", 0755);
	snprintf(to, sizeof(to), "%s/bundle/bin/launcher", directory);
	file_copy(launcher, to);
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&daemon_);
	curve_keypair(&box_secret, box_key);
	curve_keypair(&credentials_secret, credentials_key);
	actor_init(&state, loop, ROLE_STATE, "state");
	actor_join(&state, ROLE_DRIVER, "driver-local", daemon_.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	assert_int_equal(curve_bind(state.curve, endpoint, false, &why), OK);
	settings_make();
	start();
	list_over();
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	child_kill(&daemon_.child, SIGUSR1);
	assert_int_equal(child_exit_code(child_wait(&daemon_.child)), 0);
	actor_done(&state);
	loop_free(loop);
	directory_remove(directory);
	return 0;
}

static void
want(struct id id, const char *name, uint32_t epoch, uint8_t what)
{
	tell(state.peer, &(struct msg){.id = DESIRED,
			     .desired = {.sandbox = id,
				 .name = span_of_text(name),
				 .workspace = SPAN("default"),
				 .epoch = epoch,
				 .want = what}});
}

/* Answer its question for a ticket; with a claim that it cannot open unless good. */
static void
ticket(struct id id, uint32_t epoch, bool good)
{
	struct heard *heard = actor_hear(&state, TICKET);
	uint8_t box[72] = {0}, token[32] = {1}, claim[32] = {2};

	assert_true(id_equal(heard->msg.ticket.sandbox, id));
	assert_int_equal(heard->msg.ticket.epoch, epoch);
	assert_int_equal(crypto_box_easy(box + 24, claim, 32, box, box_key, credentials_secret.bytes), 0);
	box[71] ^= good ? 0 : 1;
	reply_send(&heard->reply, &(struct msg){.id = TICKET_GIVEN,
				      .ticket_given = {span_of_bytes(token, 32), span_of_bytes(box, 72),
					  span_of_bytes(credentials_key, 32)}});
	heard_free(heard);
}

static void
observed(struct id id, uint32_t epoch, uint8_t what, const char *words)
{
	struct heard *heard = actor_hear(&state, OBSERVED);
	const struct msg_observed *in = &heard->msg.observed;

	while (!id_equal(in->sandbox, id)) { /* of the case before: told again, since our answer took its time */
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		heard_free(heard);
		heard = actor_hear(&state, OBSERVED);
		in = &heard->msg.observed;
	}
	if (in->what != what)
		fail_msg("observed %u: " SPAN_FORMAT ": " SPAN_FORMAT, in->what, SPAN_ARGS(in->reason),
		    SPAN_ARGS(in->message));
	assert_int_equal(in->epoch, epoch);
	if (words != NULL && memmem(in->message.at, in->message.length, words, strlen(words)) == NULL)
		fail_msg("observed: " SPAN_FORMAT, SPAN_ARGS(in->message));
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
}

enum { RUNNING = 1, STOPPED, DELETED };
enum { SAW_RUNNING = 2, SAW_ENDED, SAW_FAILED, SAW_GONE };

static void
run(struct id id, const char *name, uint32_t epoch)
{
	want(id, name, epoch, RUNNING);
	ticket(id, epoch, true);
	observed(id, epoch, SAW_RUNNING, NULL);
}

static void delete (struct id id, const char *name, uint32_t epoch)
{
	want(id, name, epoch, DELETED);
	observed(id, epoch, SAW_GONE, NULL);
}

/* ---- what is left on the machine ---- */

static char *
box_path(struct id id, const char *name, char to[256])
{
	snprintf(to, 256, "%s/data/boxes/%s/%s", directory, id_text(id), name);
	return to;
}

/* Whether a file of /proc/PID names the sandbox: its workspace is in its mounts. */
static bool
process_of(const char *pid, const char *text)
{
	char path[300], bytes[65536];
	auto_fd int fd = -1;
	ssize_t n;
	size_t used = 0;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && used < sizeof(bytes) && (n = read(fd, bytes + used, sizeof(bytes) - used)) > 0)
		used += (size_t)n;
	return memmem(bytes, used, text, strlen(text)) != NULL;
}

/* How many processes of the sandbox there are, and one of them that is the first of its namespace. */
static int
processes(struct id id)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			n += process_of(entry->d_name, id_text(id));
	closedir(dir);
	return n;
}

static int
entries(const char *name)
{
	char path[256];
	DIR *dir;
	int n = -2;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static bool
log_has(struct id id, const char *words)
{
	static char text[65536];
	char path[256];
	auto_fd int fd = open(box_path(id, "log", path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	return memmem(text, n < 0 ? 0 : (size_t)n, words, strlen(words)) != NULL;
}

/* The log is a file: nothing tells of its lines, so it is read between turns of the loop. */
static void
log_wait(struct id id, const char *words)
{
	struct why why;

	for (uint64_t until = clock_ms() + PATIENCE_MS; !log_has(id, words);) {
		if (clock_ms() > until)
			fail_msg("not in the log: %s", words);
		assert_int_equal(loop_turn(loop, 1, &why), OK);
	}
}

static int
cgroup_groups(struct id id)
{
	static const char *const places[] = {
	    "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"};
	int n = 0;

	for (size_t i = 0; i < COUNT(places); i++) {
		DIR *dir = opendir(places[i]);
		struct dirent *entry;

		while (dir != NULL && (entry = readdir(dir)) != NULL)
			n += strstr(entry->d_name, id_text(id)) != NULL;
		if (dir != NULL)
			closedir(dir);
	}
	return n;
}

static void
nothing_left(struct id id)
{
	char path[256];

	assert_int_equal(access(box_path(id, "", path), F_OK), -1);
	assert_int_equal(processes(id), 0);
	assert_int_equal(cgroup_groups(id), 0);
}

/* A process that ends is buried a moment later: until the driver has no child. */
static void
childless(void)
{
	char path[64], children[4096];
	uint64_t until = clock_ms() + PATIENCE_MS;
	ssize_t n = 1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon_.child.pid, daemon_.child.pid);
	while (n > 0) {
		auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0 && clock_ms() < until);
		n = read(fd, children, sizeof(children));
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	}
}

/* ---- cases ---- */

static void
refuses_what_it_cannot_run(void **unused)
{
	struct outcome outcome;
	struct msg m = {.id = CREATE_CHECK};

	(void)unused;
	assert_int_equal(ask_now(state.peer, &m), OK);
	m.create_check.image = SPAN("docker.io/ubuntu");
	ask(&outcome, state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_INVALID);
	assert_non_null(strstr(outcome.why.text, "leave image empty (got \"docker.io/ubuntu\")"));
	outcome_done(&outcome);
	m.create_check = (struct msg_create_check){.driver_config = true};
	assert_int_equal(ask_now(state.peer, &m), ERR_INVALID);
	m.create_check = (struct msg_create_check){.cpu_milli = 1024000};
	assert_int_equal(ask_now(state.peer, &m), ERR_INVALID);
	m.create_check = (struct msg_create_check){.memory_bytes = UINT64_MAX};
	assert_int_equal(ask_now(state.peer, &m), ERR_INVALID);
}

static void
a_box_is_as_it_should_be(void **unused)
{
	static const char *const lines[] = {"pid 1\n", "ids 0 0\n", "host box\n", "environment 0\n", "descriptors 4\n",
	    "entry /opt\n", "entry /host\n", "entry /proc\n", "entry /workspace\n", "write /opt/openshell/made EROFS",
	    "write /host/made EROFS", "write /run/openshell/relay/made EROFS", "write /workspace/made ok",
	    "NoNewPrivs:\t1", "Seccomp:\t2"};
	struct id id = id_new();

	(void)unused;
	run(id, "box", 1);
	log_wait(id, "said\n");
	for (size_t i = 0; i < COUNT(lines); i++)
		if (!log_has(id, lines[i]))
			fail_msg("not in the log: %s", lines[i]);
	assert_false(log_has(id, "bootstrap -1"));
	assert_true(log_has(id, geteuid() == 0 ? "     65536\n" : "          1\n"));
	assert_int_equal(processes(id), 2);
	delete (id, "box", 1);
	nothing_left(id);
}

static void
stops_and_keeps_the_workspace(void **unused)
{
	struct id id = id_new();
	char path[256];

	(void)unused;
	run(id, "box", 1);
	log_wait(id, "said\n");
	want(id, "box", 1, STOPPED);
	observed(id, 1, SAW_ENDED, NULL);
	assert_int_equal(processes(id), 0);
	assert_int_equal(access(box_path(id, "workspace/made", path), F_OK), 0);
	run(id, "box", 2);
	assert_int_equal(access(path, F_OK), 0);
	want(id, "box", 2, RUNNING); /* once more: nothing changes */
	observed(id, 2, SAW_RUNNING, NULL);
	delete (id, "box", 2);
	nothing_left(id);
}

static void
kills_what_does_not_stop(void **unused)
{
	struct id id = id_new();

	(void)unused;
	run(id, "stubborn", 1);
	log_wait(id, "said\n");
	want(id, "stubborn", 1, STOPPED);
	observed(id, 1, SAW_ENDED, NULL);
	assert_int_equal(processes(id), 0);
	delete (id, "stubborn", 1);
	nothing_left(id);
}

static void
tells_of_an_end(void **unused)
{
	struct id id = id_new();
	struct heard *heard;

	(void)unused;
	want(id, "dies", 1, RUNNING);
	ticket(id, 1, true);
	/* It may end before it was seen running. */
	heard = actor_hear(&state, OBSERVED);
	if (heard->msg.observed.what == SAW_RUNNING) {
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		observed(id, 1, SAW_ENDED, "the supervisor ended with code 3");
	} else {
		assert_int_equal(heard->msg.observed.what, SAW_ENDED);
		reply_send(&heard->reply, &(struct msg){.id = DONE});
	}
	heard_free(heard);
	run(id, "box", 2);
	delete (id, "box", 2);
	nothing_left(id);
}

static void
an_older_epoch_gives_way(void **unused)
{
	struct id id = id_new();

	(void)unused;
	run(id, "box", 1);
	run(id, "box", 2);
	assert_int_equal(cgroup_groups(id) > 3, false);
	log_wait(id, "said\n");
	assert_int_equal(processes(id), 2);
	delete (id, "box", 2);
	nothing_left(id);
}

static void
fails_once_and_says_why(void **unused)
{
	struct id id = id_new();

	(void)unused;
	want(id, "box", 1, RUNNING);
	ticket(id, 1, false);
	observed(id, 1, SAW_FAILED, "claim");
	want(id, "box", 1, RUNNING);
	observed(id, 1, SAW_FAILED, "claim");
	run(id, "box", 2);
	delete (id, "box", 2);
	nothing_left(id);
}

static void
says_what_the_bundle_lacks(void **unused)
{
	struct id id = id_new();
	char from[128], to[128];

	(void)unused;
	snprintf(from, sizeof(from), "%s/bundle/bin/launcher", directory);
	snprintf(to, sizeof(to), "%s/bundle/bin/hidden", directory);
	assert_int_equal(rename(from, to), 0);
	want(id, "box", 1, RUNNING);
	ticket(id, 1, true);
	observed(id, 1, SAW_FAILED, "launcher: No such file");
	childless();
	assert_int_equal(rename(to, from), 0);
	delete (id, "box", 1);
	nothing_left(id);
}

/* A start that fails is over for its own epoch; one that was asked for meanwhile has its own try. */
static void
a_failure_is_not_the_next_epochs(void **unused)
{
	struct id id = id_new();
	struct heard *heard;
	char from[128], to[128];

	(void)unused;
	snprintf(from, sizeof(from), "%s/bundle/bin/launcher", directory);
	snprintf(to, sizeof(to), "%s/bundle/bin/hidden", directory);
	assert_int_equal(rename(from, to), 0);
	want(id, "box", 1, RUNNING);
	ticket(id, 1, true);
	want(id, "box", 2, RUNNING); /* while the maker of 1 works */
	UNTIL(loop, (heard = actor_heard(&state, OBSERVED)) != NULL || (heard = actor_heard(&state, TICKET)) != NULL);
	if (heard->msg.id == OBSERVED) /* it was quicker than we */ {
		assert_true(heard->msg.observed.epoch == 1 || !id_equal(heard->msg.observed.sandbox, id));
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		heard_free(heard);
	} else
		list_append(&state.inbox, &heard->link);
	assert_int_equal(rename(to, from), 0);
	ticket(id, 2, true);
	observed(id, 2, SAW_RUNNING, NULL);
	delete (id, "box", 2);
	childless();
	nothing_left(id);
}

static void
a_lost_ticket_is_told(void **unused)
{
	struct id id = id_new();

	(void)unused;
	want(id, "box", 1, RUNNING);
	actor_refuse(&state, TICKET, ERR_CONFLICT, "enrolled already");
	observed(id, 1, SAW_ENDED, NULL);
	delete (id, "box", 1);
}

static void
removes_all_kinds_of_files(void **unused)
{
	struct id id = id_new();

	(void)unused;
	run(id, "litters", 1);
	log_wait(id, "said\n");
	delete (id, "litters", 1);
	nothing_left(id);
}

static void
finds_its_boxes_again(void **unused)
{
	struct id id = id_new();

	(void)unused;
	run(id, "box", 1);
	log_wait(id, "said\n");
	end();
	assert_int_equal(processes(id), 2);
	start();
	want(id, "box", 1, RUNNING);
	list_over();
	observed(id, 1, SAW_RUNNING, NULL);
	assert_null(actor_heard(&state, TICKET));
	assert_int_equal(processes(id), 2);
	delete (id, "box", 1);
	nothing_left(id);
}

static void
collects_what_nobody_wants(void **unused)
{
	struct id id = id_new();

	(void)unused;
	run(id, "box", 1);
	end();
	start();
	list_over();
	/* No event of this loop tells of it: it is looked at again and again. */
	for (uint64_t until = clock_ms() + PATIENCE_MS; entries("data/boxes") != 0 || processes(id) != 0;) {
		assert_true(clock_ms() < until);
		assert_int_equal(loop_turn(loop, 5, NULL), OK);
	}
	nothing_left(id);
	assert_int_equal(entries("data/uids"), 0);
}

static void
a_box_that_died_meanwhile_has_ended(void **unused)
{
	struct id id = id_new();
	char path[256], line[256] = "";
	auto_fd int fd = -1;
	int pid, epoch;

	(void)unused;
	run(id, "box", 1);
	fd = open(box_path(id, "box", path), O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, line, sizeof(line) - 1) > 0);
	assert_int_equal(sscanf(line, "started %d %d", &epoch, &pid), 2);
	end();
	assert_int_equal(kill(pid, SIGKILL), 0);
	start();
	want(id, "box", 1, RUNNING);
	list_over();
	/* The kernel may still be at it; an end follows in any case. */
	for (struct heard *heard = NULL; heard == NULL || heard->msg.observed.what != SAW_ENDED;) {
		heard_free(heard);
		heard = actor_hear(&state, OBSERVED);
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		if (heard->msg.observed.what == SAW_ENDED) {
			heard_free(heard);
			break;
		}
	}
	run(id, "box", 2);
	delete (id, "box", 2);
	nothing_left(id);
}

/* One that the driver of another release started is ended, and started anew where state wants it; its workspace stays. */
static void
a_box_of_another_release_starts_anew(void **unused)
{
	static const char *const releases[] = {"", " 1", " 4000000000"};
	struct id id = id_new();
	char path[256], line[256];

	(void)unused;
	run(id, "box", 1);
	for (uint32_t i = 0; i < COUNT(releases); i++) {
		struct heard *heard;
		FILE *file = fopen(box_path(id, "box", path), "r+e");
		int n;

		assert_non_null(file);
		assert_non_null(fgets(line, sizeof(line), file));
		n = (int)(strrchr(line, ' ') - line);
		rewind(file);
		assert_int_equal(ftruncate(fileno(file), 0), 0);
		fprintf(file, "%.*s%s\n", n, line, releases[i]);
		assert_int_equal(fclose(file), 0);
		end();
		start();
		want(id, "box", i + 1, RUNNING);
		list_over();
		heard = actor_hear(&state, OBSERVED);
		assert_int_equal(heard->msg.observed.what, SAW_ENDED);
		assert_non_null(
		    memmem(heard->msg.observed.message.at, heard->msg.observed.message.length, "another release", 15));
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		heard_free(heard);
		run(id, "box", i + 2);
	}
	delete (id, "box", COUNT(releases) + 1);
	nothing_left(id);
}

/* kill -9 at another instant of the start each time: afterwards the box is there exactly once. */
static void
neither_loses_nor_doubles(void **unused)
{
	struct why why;

	(void)unused;
	for (int i = 0; i < 24; i++) {
		struct id id = id_new();
		struct heard *heard;

		want(id, "box", 1, RUNNING);
		ticket(id, 1, true);
		for (uint64_t until = clock_us() + (uint64_t)i * 300; clock_us() < until;)
			assert_int_equal(loop_turn(loop, 0, &why), OK);
		end();
		start();
		want(id, "box", 1, RUNNING);
		list_over();
		UNTIL(loop,
		    (heard = actor_heard(&state, OBSERVED)) != NULL || (heard = actor_heard(&state, TICKET)) != NULL);
		list_append(&state.inbox, &heard->link);
		if (heard->msg.id == TICKET)
			ticket(id, 1, true);
		observed(id, 1, SAW_RUNNING, NULL);
		log_wait(id, "said\n");
		assert_int_equal(processes(id), 2);
		delete (id, "box", 1);
		nothing_left(id);
	}
}

static void
repeats_until_it_is_stored(void **unused)
{
	struct id id = id_new();

	(void)unused;
	want(id, "box", 1, RUNNING);
	ticket(id, 1, true);
	actor_refuse(&state, OBSERVED, ERR_UNAVAILABLE, "the database is away");
	observed(id, 1, SAW_RUNNING, NULL);
	delete (id, "box", 1);
}

static void
says_when_it_is_full(void **unused)
{
	struct msg m = {.id = CREATE_CHECK};
	struct id ids[5];

	(void)unused;
	for (size_t i = 0; i < COUNT(ids); i++)
		run(ids[i] = id_new(), "box", 1);
	assert_int_equal(ask_now(state.peer, &m), ERR_LIMIT);
	if (geteuid() == 0)
		assert_int_equal(entries("data/uids"), 5);
	for (size_t i = 0; i < COUNT(ids); i++)
		delete (ids[i], "box", 1);
	assert_int_equal(ask_now(state.peer, &m), OK);
	assert_int_equal(entries("data/uids"), 0);
}

static void
is_quick(void **unused)
{
	uint64_t starts_us = 0, ends_us = 0;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		struct id id = id_new();
		uint64_t at = clock_us();

		run(id, "box", 1);
		starts_us += clock_us() - at;
		at = clock_us();
		delete (id, "box", 1);
		ends_us += clock_us() - at;
	}
	print_message("desired to running: %llu us; deleted to gone: %llu us\n", (unsigned long long)starts_us / 20,
	    (unsigned long long)ends_us / 20);
}

static bool
become_ordinary(void)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) == 0 &&
	       setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_what_it_cannot_run),
	    cmocka_unit_test(a_box_is_as_it_should_be),
	    cmocka_unit_test(stops_and_keeps_the_workspace),
	    cmocka_unit_test(kills_what_does_not_stop),
	    cmocka_unit_test(tells_of_an_end),
	    cmocka_unit_test(an_older_epoch_gives_way),
	    cmocka_unit_test(fails_once_and_says_why),
	    cmocka_unit_test(says_what_the_bundle_lacks),
	    cmocka_unit_test(a_failure_is_not_the_next_epochs),
	    cmocka_unit_test(a_lost_ticket_is_told),
	    cmocka_unit_test(removes_all_kinds_of_files),
	    cmocka_unit_test(finds_its_boxes_again),
	    cmocka_unit_test(collects_what_nobody_wants),
	    cmocka_unit_test(a_box_that_died_meanwhile_has_ended),
	    cmocka_unit_test(a_box_of_another_release_starts_anew),
	    cmocka_unit_test(neither_loses_nor_doubles),
	    cmocka_unit_test(repeats_until_it_is_stored),
	    cmocka_unit_test(says_when_it_is_full),
	    cmocka_unit_test(is_quick),
	};

	assert_true(argc >= 3);
	program = argv[1];
	launcher = argv[2];
	if (argc > 3 && (!become_ordinary() || access(program, X_OK) < 0)) {
		printf("skipped: %s is out of an ordinary user's reach\n", program);
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
