/* The start of an epoch: a directory, a ticket from state, control groups, and the maker of the box. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/os/file.h"
#include "common/service/login.h"
#include "services/driver-local/box.h"
#include "services/driver-local/driver.h"
#include "services/driver-local/record.h"

#define AGAIN_MS      1000
#define MAKER_GONE_MS 10

/* ---- its directory ---- */

/* As root it belongs to id 0 of the box, until the supervisor decides otherwise. */
static enum err
workspace_make(int dir, uint32_t owner, struct why *why)
{
	struct stat st;

	if (mkdirat(dir, "workspace", 0700) < 0 ? errno != EEXIST : fchmodat(dir, "workspace", 0711, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "make workspace");
	if (fstatat(dir, "workspace", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(why, ERR_SYSTEM, "workspace");
	if (owner != 0 && st.st_uid == geteuid() && fchownat(dir, "workspace", owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(why, ERR_SYSTEM, "give workspace to id %u", owner);
	return OK;
}

static enum err
uid_base(struct sandbox *sandbox, uint32_t *out, struct why *why)
{
	struct driver *driver = sandbox->driver;
	uint32_t number = 0;
	enum err r;

	*out = 0;
	if (geteuid() != 0)
		return OK;
	if ((r = uids_take(&driver->uids, sandbox->id, &number, why)) != OK)
		return r;
	*out = driver->config.sandbox_uid_base + number * UIDS_PER_SANDBOX;
	return OK;
}

static enum err
directory_make(struct sandbox *sandbox, uint32_t owner, int *out, struct why *why)
{
	int dir;

	if (mkdirat(sandbox->driver->boxes_dir, id_text(sandbox->id), 0700) < 0 && errno != EEXIST)
		return fail_errno(why, ERR_SYSTEM, "make its directory");
	if ((dir = sandbox_dir(sandbox)) < 0)
		return fail_errno(why, ERR_SYSTEM, "open its directory");
	*out = dir;
	return workspace_make(dir, owner, why);
}

/* ---- what the supervisor is told ---- */

static enum err
claim_open(const struct driver *driver, const struct msg_ticket_given *ticket, struct secret *claim, struct why *why)
{
	const uint8_t *box = (const uint8_t *)ticket->claim_box.at;

	if (crypto_box_open_easy(claim->bytes, box + crypto_box_NONCEBYTES,
		ticket->claim_box.length - crypto_box_NONCEBYTES, box, (const uint8_t *)ticket->credentials_key.at,
		driver->config.box_secret.bytes) != 0)
		return fail(why, ERR_DENIED, "the claim is not from credentials, or not for this driver");
	return OK;
}

/* The bootstrap message of bus.def on a sealed descriptor. */
static enum err
bootstrap_make(const struct sandbox *sandbox, const struct msg_ticket_given *ticket, const struct cgroup_walls *walls,
    int *out, struct why *why)
{
	const struct config *config = &sandbox->driver->config;
	const char *slash = strrchr(config->spiffe_workload_socket, '/');
	struct span never[SETTING_TEXTS_MAX], wall[CONTROLLER_COUNT];
	struct secret claim auto_secret = {0};
	char login_bytes[FORWARD_LOGIN_MAX], *buffer = NULL;
	struct span login;
	size_t room = 0, length = 0;
	struct msg m = {.id = BOOTSTRAP};
	enum err r;

	if ((r = claim_open(sandbox->driver, ticket, &claim, why)) != OK ||
	    (r = login_read(config->upstream_login_file, login_bytes, &login, why)) != OK)
		return r;
	for (size_t i = 0; i < config->never.count; i++)
		never[i] = span_of_text(config->never.at[i]);
	for (size_t i = 0; i < CONTROLLER_COUNT; i++)
		wall[i] = span_of_text(walls->text[i]);
	m.bootstrap = (struct msg_bootstrap){.sandbox = sandbox->id,
	    .name = span_of_text(sandbox->name),
	    .epoch = sandbox->epoch,
	    .relay = span_of_text(config->relay),
	    .relay_key = span_of_bytes(config->relay_key, sizeof(config->relay_key)),
	    .credentials_key = ticket->credentials_key,
	    .token = ticket->token,
	    .claim = span_of_bytes(claim.bytes, sizeof(claim.bytes)),
	    .root = SPAN("/host"),
	    .host_root = true,
	    .never = never,
	    .never_n = config->never.count,
	    .workspace = SPAN("/workspace"),
	    .walls = wall,
	    .walls_n = CONTROLLER_COUNT,
	    .spiffe_socket = slash == NULL ? SPAN_NONE : span_of_text(slash + 1),
	    .binaries_free = config->binaries_free,
	    .upstream_proxy = span_of_text(config->upstream_proxy),
	    .upstream_direct = span_of_text(config->upstream_direct),
	    .upstream_login = login,
	    .upstream_by_name = config->upstream_by_name};
	if ((r = msg_encode(&m, &buffer, &room, &length, why)) == OK)
		r = memfd_sealed("bootstrap", span_of_bytes(buffer, length), out, why);
	if (buffer != NULL)
		explicit_bzero(buffer, room);
	free(buffer);
	explicit_bzero(login_bytes, sizeof(login_bytes));
	return r;
}

static enum err
plan_make(const struct sandbox *sandbox, const struct cgroups *groups, uint32_t base, int *out, struct why *why)
{
	const struct config *config = &sandbox->driver->config;
	struct box_plan plan = {.epoch = sandbox->epoch, .uid_base = base, .cgroups = *groups};
	const char *slash;

	plan.release = BUS_RELEASE;
	memcpy(plan.name, sandbox->name, sizeof(plan.name));
	memcpy(plan.bundle, config->bundle, sizeof(plan.bundle));
	memcpy(plan.relay_dir, config->relay_dir, sizeof(plan.relay_dir));
	if ((slash = strrchr(config->spiffe_workload_socket, '/')) != NULL)
		memcpy(
		    plan.spiffe_dir, config->spiffe_workload_socket, (size_t)(slash - config->spiffe_workload_socket));
	snprintf(
	    plan.workspace, sizeof(plan.workspace), "%s/boxes/%s/workspace", config->data_dir, id_text(sandbox->id));
	return memfd_sealed("plan", span_of_bytes(&plan, sizeof(plan)), out, why);
}

/* ---- the maker ---- */

static void
made(struct sandbox *sandbox)
{
	struct driver *driver = sandbox->driver;
	struct why why = {0};

	loop_remove(driver->loop, &sandbox->report_watch);
	clean_fd(&sandbox->report_fd);
	if (sandbox->report_length > 0) {
		fail(&why, ERR_SYSTEM, "%.*s", (int)sandbox->report_length, sandbox->report);
		sandbox_failed(sandbox, &why);
		driver_reap(driver);
		return;
	}
	log_info("sandbox.started", "sandbox=%s epoch=%u us=%llu", id_text(sandbox->id), sandbox->epoch,
	    (unsigned long long)(clock_us() - sandbox->asked_us));
	sandbox_adopt(sandbox);
}

static void
report_ready(void *self, uint32_t events)
{
	struct sandbox *sandbox = self;
	size_t room = sizeof(sandbox->report) - 1 - sandbox->report_length;
	char rest[256];
	ssize_t n;

	(void)events;
	n = room > 0 ? read(sandbox->report_fd, sandbox->report + sandbox->report_length, room)
		     : read(sandbox->report_fd, rest, sizeof(rest));
	if (n > 0 && room > 0)
		sandbox->report_length += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		made(sandbox);
}

/* Only that it is reaped: what it did is in its report. */
static void
maker_ended(void *self, int status)
{
	(void)self;
	(void)status;
}

static enum err
maker_start(struct sandbox *sandbox, int dir, int bootstrap_fd, int plan_fd, struct why *why)
{
	static const char *const argv[] = {"driver-local-box", NULL};
	auto_fd int lock = openat(dir, "making", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	auto_fd int log = openat(dir, "log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	auto_fd int report = -1;
	struct loop *loop = sandbox->driver->loop;
	int fds[2];
	enum err r;

	if (lock < 0 || log < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return fail_errno(why, ERR_SYSTEM, "its lock or log");
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	sandbox->report_fd = fds[0];
	sandbox->report_length = 0;
	report = fds[1];
	struct child_plan plan = {.path = "driver-local-box",
	    .exec_fd = sandbox->driver->maker_fd,
	    .argv = argv,
	    .fds = {-1, log, log, bootstrap_fd, plan_fd, dir, lock, report},
	    .fds_count = BOX_FD_COUNT};
	if ((r = child_start(&sandbox->maker, &plan, why)) != OK ||
	    (r = child_watch(&sandbox->maker, loop, maker_ended, sandbox, why)) != OK)
		return r;
	return loop_add(loop, &sandbox->report_watch, sandbox->report_fd, EPOLLIN, report_ready, sandbox, why);
}

static enum err
box_start(struct sandbox *sandbox, const struct msg_ticket_given *ticket, struct why *why)
{
	const struct config *config = &sandbox->driver->config;
	struct cgroup_limits limits = {.pids = config->pids_max,
	    .cpu_milli = sandbox->cpu_milli != 0 ? sandbox->cpu_milli : config->cpu_milli,
	    .memory_bytes = sandbox->memory_bytes != 0 ? sandbox->memory_bytes : config->memory_bytes};
	struct cgroups groups;
	struct cgroup_walls walls;
	auto_fd int dir = -1;
	auto_fd int bootstrap_fd = -1;
	auto_fd int plan_fd = -1;
	uint32_t base;
	enum err r;

	if ((r = uid_base(sandbox, &base, why)) != OK || (r = directory_make(sandbox, base, &dir, why)) != OK)
		return r;
	cgroup_make(&sandbox->driver->places, id_text(sandbox->id), &limits, &groups, &walls);
	if ((r = bootstrap_make(sandbox, ticket, &walls, &bootstrap_fd, why)) != OK ||
	    (r = plan_make(sandbox, &groups, base, &plan_fd, why)) != OK)
		return r;
	return maker_start(sandbox, dir, bootstrap_fd, plan_fd, why);
}

/* ---- the ticket ---- */

static void
ask_again(void *self)
{
	struct sandbox *sandbox = self;

	if (sandbox->phase == PHASE_ASKING)
		sandbox_is(sandbox, PHASE_KEPT);
}

/*
 * No ticket. Not wanted any more: state will say what is. Enrolled already, though there is no such box here: that
 * start is lost, and telling so lets state want another. Anything else is worth another try.
 */
static void
ticket_refused(struct sandbox *sandbox, enum err r, const struct why *why)
{
	log_warning("ticket.refused", "sandbox=%s epoch=%u error=%s why=\"%s\"", id_text(sandbox->id), sandbox->epoch,
	    err_name(r), why->text);
	if (r == ERR_CONFLICT || r == ERR_NOT_FOUND) {
		sandbox->phase = PHASE_KEPT;
		report_set(sandbox, OBSERVED_ENDED, sandbox->epoch, "BoxLost", "this start of it is over or was lost");
		return;
	}
	loop_timer_set(sandbox->driver->loop, &sandbox->timer, AGAIN_MS, ask_again, sandbox);
}

static void
ticket_came(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct sandbox *sandbox = self;
	struct why failure = {0};

	sandbox->ticket = 0;
	if (r == OK && answer->id != TICKET_GIVEN)
		r = ERR_PROTOCOL;
	if (r != OK) {
		ticket_refused(sandbox, r, why);
		return;
	}
	sandbox->phase = PHASE_MAKING;
	sandbox->box_epoch = sandbox->epoch; /* what is wanted may move on before this start is over */
	if (box_start(sandbox, &answer->ticket_given, &failure) != OK) {
		clean_fd(&sandbox->report_fd);
		sandbox_failed(sandbox, &failure);
	}
}

static void
begin_again(void *self)
{
	start_begin(self);
}

void
start_begin(struct sandbox *sandbox)
{
	auto_fd int dir = sandbox_dir(sandbox);
	struct driver *driver = sandbox->driver;
	struct msg m = {.id = TICKET, .ticket = {.sandbox = sandbox->id, .epoch = sandbox->epoch}};

	if (driver->state == NULL)
		return; /* what is wanted comes again with its return */
	sandbox->phase = PHASE_ASKING;
	if (sandbox->maker.pidfd >= 0 ||
	    (dir >= 0 && sandbox_being_made(dir))) { /* of the start before, and not quite gone */
		loop_timer_set(driver->loop, &sandbox->timer, MAKER_GONE_MS, begin_again, sandbox);
		return;
	}
	sandbox->asked_us = clock_us();
	sandbox->ticket = peer_call(driver->state, &m, CALL_DEADLINE_MS, ticket_came, sandbox);
}

void
start_cancel(struct sandbox *sandbox)
{
	if (sandbox->phase != PHASE_ASKING)
		return;
	if (sandbox->ticket != 0 && sandbox->driver->state != NULL)
		call_cancel(sandbox->driver->state, sandbox->ticket);
	sandbox->ticket = 0;
	loop_timer_stop(sandbox->driver->loop, &sandbox->timer);
	sandbox->phase = PHASE_KEPT;
}
