/* Scripted peers: every message into an inbox, every wait ended by an event or by the test's patience. */
#include "tests/unit/test.h"

#include "tests/bus/script.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/bus/channel.h"

#define ROUTES_MAX 512

void
turn(struct loop *loop, uint64_t until_ms, const char *what)
{
	uint64_t now = clock_ms();
	struct why why;

	if (now >= until_ms)
		fail_msg("waited in vain: %s", what);
	assert_int_equal(loop_turn(loop, (int)(until_ms - now), &why), OK);
}

/* ---- inbox ---- */

static void
copy_message(const struct msg *from, struct msg *to, char **bytes, struct arena *arena)
{
	size_t room = 0, length;
	struct why why;

	if (msg_encode(from, bytes, &room, &length, &why) != OK ||
	    msg_decode(span_of_bytes(*bytes, length), arena, to, &why) != OK)
		fail_msg("copy: %s", why.text);
}

static enum err
hear(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct actor *actor = self;
	struct heard *heard = calloc(1, sizeof(*heard));

	(void)answer;
	(void)why;
	assert_non_null(heard);
	copy_message(m, &heard->msg, &heard->bytes, &heard->arena);
	heard->msg.from = m->from;
	heard->msg.call = m->call;
	heard->msg.fds_n = m->fds_n;
	for (size_t i = 0; i < m->fds_n; i++)
		heard->msg.fds[i] = fd_take(&m->fds[i]);
	if (m->call != 0)
		heard->reply = reply_later(m);
	list_append(&actor->inbox, &heard->link);
	return OK;
}

void
heard_free(struct heard *heard)
{
	if (heard == NULL)
		return;
	list_remove(&heard->link);
	for (size_t i = 0; i < heard->msg.fds_n; i++)
		clean_fd(&heard->msg.fds[i]);
	peer_unref(heard->reply.peer);
	arena_reset(&heard->arena);
	free(heard->bytes);
	free(heard);
}

struct heard *
actor_heard(struct actor *actor, enum msg_id id)
{
	struct heard *heard;

	list_each(heard, &actor->inbox, struct heard, link)
		if (heard->msg.id == id) {
			list_remove(&heard->link);
			return heard;
		}
	return NULL;
}

struct heard *
actor_hear(struct actor *actor, enum msg_id id)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	struct heard *heard;

	while ((heard = actor_heard(actor, id)) == NULL)
		turn(actor->bus.loop, until_ms, msg_info(id)->name);
	return heard;
}

void
actor_answer(struct actor *actor, enum msg_id id, const struct msg *answer)
{
	struct heard *heard = actor_hear(actor, id);

	reply_send(&heard->reply, answer);
	heard_free(heard);
}

void
actor_refuse(struct actor *actor, enum msg_id id, enum err code, const char *words)
{
	struct heard *heard = actor_hear(actor, id);
	struct why why;

	(void)fail(&why, code, "%s", words);
	reply_fail(&heard->reply, code, &why);
	heard_free(heard);
}

/* ---- actors ---- */

static void
came_up(void *self, struct peer *peer)
{
	struct actor *actor = self;

	actor->ups++;
	actor->peer = peer;
}

static void
went_down(void *self, struct peer *peer, const struct why *why)
{
	struct actor *actor = self;

	(void)why;
	actor->downs++;
	if (actor->peer == peer && !peer->dialled)
		actor->peer = NULL;
}

void
actor_init(struct actor *actor, struct loop *loop, enum role role, const char *name)
{
	static struct route routes[ROUTES_MAX];
	const struct msg_info *const *table;
	size_t n, used = 0;

	table = msg_table(&n);
	for (size_t i = 0; i < n && used < ROUTES_MAX - 1; i++)
		if (table[i]->id != MSG_NONE && table[i]->id != HELLO)
			routes[used++] = (struct route){table[i]->id, hear, 0, 0};
	routes[used] = (struct route){0};
	*actor = (struct actor){.bus = {.loop = loop,
				    .role = role,
				    .name = name,
				    .routes = routes,
				    .self = actor,
				    .peer_up = came_up,
				    .peer_down = went_down}};
	list_init(&actor->inbox);
	bus_init(&actor->bus);
	curve_keypair(&actor->secret, actor->key);
}

void
actor_join(struct actor *actor, enum role role, const char *name, const uint8_t key[32])
{
	struct roster_entry entry = {.role = role};
	struct why why;

	if (key != NULL) {
		snprintf(entry.name, sizeof(entry.name), "%s", name);
		memcpy(entry.key, key, sizeof(entry.key));
	}
	if (curve_new(&actor->curve, &actor->bus, &actor->secret, &entry, key == NULL ? 0 : 1, &why) != OK)
		fail_msg("%s", why.text);
}

void
actor_done(struct actor *actor)
{
	struct heard *heard;

	list_each(heard, &actor->inbox, struct heard, link)
		heard_free(heard);
	actor->bus.peer_down = NULL;
	bus_done(&actor->bus);
	curve_free(actor->curve);
	actor->curve = NULL;
}

void
actor_wait_up(struct actor *actor, int ups)
{
	UNTIL(actor->bus.loop, actor->ups >= ups);
}

void
actor_wait_down(struct actor *actor, int downs)
{
	UNTIL(actor->bus.loop, actor->downs >= downs);
}

/* ---- calls ---- */

static void
ended(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct outcome *outcome = self;

	outcome->done = true;
	outcome->r = r;
	if (r != OK) {
		outcome->why = *why;
		return;
	}
	copy_message(answer, &outcome->msg, &outcome->bytes, &outcome->arena);
	if (answer->fds_n > 0)
		outcome->fd = fd_take(&answer->fds[0]);
}

void
ask(struct outcome *outcome, struct peer *peer, const struct msg *m)
{
	*outcome = (struct outcome){.fd = -1};
	peer_call(peer, m, 4 * PATIENCE_MS, ended, outcome);
	outcome->msg.from = peer;
}

void
outcome_wait(struct outcome *outcome)
{
	struct peer *peer = outcome->msg.from;

	UNTIL(peer->bus->loop, outcome->done);
}

void
outcome_done(struct outcome *outcome)
{
	clean_fd(&outcome->fd);
	arena_reset(&outcome->arena);
	free(outcome->bytes);
	*outcome = (struct outcome){.fd = -1};
}

enum err
ask_now(struct peer *peer, const struct msg *m)
{
	struct outcome outcome;
	enum err r;

	ask(&outcome, peer, m);
	outcome_wait(&outcome);
	r = outcome.r;
	outcome_done(&outcome);
	return r;
}

void
tell(struct peer *peer, const struct msg *m)
{
	struct why why;

	if (peer_tell(peer, m, &why) != OK)
		fail_msg("tell: %s", why.text);
}

void
tell_raw(struct peer *peer, struct span bytes)
{
	struct why why;

	if (peer->transport->send(peer, bytes, NULL, 0, &why) != OK)
		fail_msg("tell_raw: %s", why.text);
}

/* ---- the daemon ---- */

void
directory_make(char path[64])
{
	snprintf(path, 64, "/tmp/openshell-bus-XXXXXX");
	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
}

void
directory_add(const char *path, const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	assert_int_equal(mkdir(full, 0755), 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

void
directory_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
daemon_keys(struct daemon *daemon)
{
	curve_keypair(&daemon->secret, daemon->key);
}

static void
settings_write(const struct daemon *daemon, const char *path, const char *directory, const char *settings)
{
	char secret[65];
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	hex_write(daemon->secret.bytes, 32, secret);
	fprintf(file, "run_dir: %s\nready_fd: 5\nlog_level: %s\nbus_secret: \"%s\"\n%s", directory,
	    daemon->log_fd > 0 ? "info" : "debug", secret, settings);
	assert_int_equal(fclose(file), 0);
}

/* One line, or the end of the pipe when it died. */
static void
read_words(struct daemon *daemon, int fd)
{
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(daemon->words) - 1 &&
	       (n = read(fd, daemon->words + used, sizeof(daemon->words) - 1 - used)) > 0)
		used += (size_t)n;
	daemon->words[used] = '\0';
}

int
daemon_launch(struct daemon *daemon, const char *program, const char *directory, const char *settings)
{
	char path[128];
	const char *argv[] = {program, "--foreground", "--config", path, NULL};
	auto_fd int ready = -1, theirs = -1;
	struct child_plan plan = {
	    .path = program, .argv = argv, .fds = {-1, 2, 2, -1, -1}, .fds_count = 6, .die_with_parent = true};
	int ends[2];
	struct why why;

	snprintf(path, sizeof(path), "%s/settings.yaml", directory);
	settings_write(daemon, path, directory, settings);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	ready = ends[0];
	theirs = plan.fds[5] = ends[1];
	if (daemon->log_fd > 0)
		plan.fds[1] = plan.fds[2] = daemon->log_fd;
	plan.fds[4] = daemon->listen_fd > 0 ? daemon->listen_fd : -1;
	if (child_start(&daemon->child, &plan, &why) != OK)
		fail_msg("%s", why.text);
	return fd_take(&ready);
}

void
daemon_start(struct daemon *daemon, const char *program, const char *directory, const char *settings)
{
	auto_fd int ready = daemon_launch(daemon, program, directory, settings);

	read_words(daemon, ready);
}

void
daemon_stop(struct daemon *daemon)
{
	child_kill(&daemon->child, SIGTERM);
	daemon->status = child_wait(&daemon->child);
	child_done(&daemon->child);
}

char *
roster_yaml(const struct actor *actor, const char *role, const char *endpoint, char to[256])
{
	char key[65];

	hex_write(actor->key, 32, key);
	snprintf(to, 256, "  - {role: %s, name: %s, key: \"%s\"%s%s%s}\n", role, actor->bus.name, key,
	    endpoint == NULL ? "" : ", endpoint: \"", endpoint == NULL ? "" : endpoint, endpoint == NULL ? "" : "\"");
	return to;
}

/* ---- processes of a sandbox ---- */

struct peer *
supervised_start(struct actor *supervisor, struct child *child, const char *program, const char *name, enum role role)
{
	const char *argv[] = {name, NULL};
	struct child_plan plan = {
	    .path = program, .argv = argv, .fds = {-1, 2, 2}, .fds_count = 4, .die_with_parent = true};
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	plan.fds[3] = theirs;
	if (child_start(child, &plan, &why) != OK)
		fail_msg("%s", why.text);
	close(theirs);
	assert_int_equal(channel_open(&supervisor->bus, role, name, ours, &peer, &why), OK);
	return peer;
}

uint16_t
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}
