/* The beginning: a spawner at once, its walls when the policy is known, the main process when all walls stand. */
#include "sandbox/supervisor/supervisor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/os/ids.h"
#include "sandbox/supervisor/bundle.h"
#include "sandbox/supervisor/proc.h"

#define SPAWNER_NAMESPACES (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS)
#define BUILD_WAIT_MS	   30000
#define SPAWN_WAIT_MS	   10000
#define AGENT_ID	   1000 /* in the sandbox's user namespace, where it is mapped: see confine.c */

static void
spawner_ended(void *self, int status)
{
	struct supervisor *s = self;

	log_info("spawner.ended", "code=%d", child_exit_code(status));
	finish_spawner(s);
}

/* It is given its namespaces at birth, and does everything that needs no policy while link enrols. */
enum err
begin_spawner(struct supervisor *s, struct why *why)
{
	const char *const argv[] = {"supervisor", "--spawner", s->way.possible ? NULL : "closed", NULL};
	struct child_plan plan = {.path = BUNDLE_SUPERVISOR,
	    .argv = argv,
	    .envp = bundle_environment,
	    .fds = {0, 1, 2, -1},
	    .fds_count = 4,
	    .die_with_parent = true,
	    .clone_flags = SPAWNER_NAMESPACES};
	auto_fd int theirs = -1;
	int ours;
	enum err r;

	if ((r = channel_pair(&ours, &theirs, why)) != OK)
		return r;
	plan.fds[3] = theirs;
	if ((r = child_start(&s->spawner, &plan, why)) != OK) {
		close(ours);
		return r;
	}
	if ((r = child_watch(&s->spawner, s->loop, spawner_ended, s, why)) != OK)
		return r;
	return channel_open(&s->bus, ROLE_SPAWNER, "spawner", ours, &s->spawner_peer, why);
}

/* ---- the main process ---- */

/* Three pipes: ours into fds of main, theirs into the message. */
static enum err
make_pipes(struct main_process *process, int theirs[3], struct why *why)
{
	for (int i = 0; i < 3; i++) {
		int ends[2], mine = i == 0;

		if (pipe2(ends, O_CLOEXEC) < 0)
			return fail_errno(why, ERR_SYSTEM, "pipe");
		process->fds[i] = ends[mine];
		theirs[i] = ends[!mine];
		process->fds_n = (size_t)i + 1;
	}
	return OK;
}

static void
main_started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	if (s->bus.state != STATE_BUILDING || r == ERR_UNAVAILABLE) /* it died: finish_spawner */
		return;
	if (r != OK) {
		finish_failed(s, r == ERR_NOT_FOUND ? "CommandNotFound" : "CommandNotStarted", why);
		return;
	}
	if (s->enrolled.tty && answer->fds_n == 1) {
		s->main.fds[0] = fd_take(&answer->fds[0]);
		s->main.fds_n = 1;
	}
	s->main.started = s->main.running = true;
	s->bus.state = STATE_RUNNING;
	linkage_say(s, "INFO", "the main process runs: %s", log_quote(span_head(s->enrolled.command[0], 200)));
	linkage_stdio(s);
	linkage_report(s);
}

static enum err
start_main(struct supervisor *s, struct why *why)
{
	auto_arena struct arena arena = {0};
	int theirs[3] = {-1, -1, -1};
	struct msg m = {.id = SPAWN,
	    .spawn = {.argv = s->enrolled.command,
		.argv_n = s->enrolled.command_n,
		.workdir = SPAN("/sandbox"),
		.tty = s->enrolled.tty,
		.columns = 80,
		.rows = 24}};
	enum err r;

	s->main.command_id = m.spawn.command_id = ++s->next_command;
	if ((r = environment_make(
		 s, NULL, 0, m.spawn.tty, &arena, &m.spawn.environment, &m.spawn.environment_n, why)) != OK)
		return r;
	if (!m.spawn.tty && (r = make_pipes(&s->main, theirs, why)) == OK) {
		memcpy(m.fds, theirs, sizeof(theirs));
		m.fds_n = 3;
	}
	if (r == OK)
		peer_call(s->spawner_peer, &m, SPAWN_WAIT_MS, main_started, s);
	for (int i = 0; i < 3; i++)
		clean_fd(&theirs[i]);
	return r;
}

/* ---- walls ---- */

/* Seen from outside: is each namespace of the spawner another than ours? */
static void
check_namespaces(struct supervisor *s)
{
	static const struct {
		const char *kind, *wall;
	} kinds[] = {
	    {"user", "user_namespace"},
	    {"pid", "pid_namespace"},
	    {"ipc", "ipc_namespace"},
	    {"uts", "uts_namespace"},
	    {"net", "network"},
	    {"mnt", "mount_view"},
	};

	wall_enforced(&s->walls, "ipc_namespace"); /* only from here can it be seen */
	for (size_t i = 0; i < COUNT(kinds); i++) {
		uint64_t own = proc_namespace(0, kinds[i].kind), its = proc_namespace(s->spawner.pid, kinds[i].kind);

		if (own == 0 || its == 0)
			wall_absent(&s->walls, kinds[i].wall, "its %s namespace cannot be looked at", kinds[i].kind);
		else if (own == its)
			wall_absent(
			    &s->walls, kinds[i].wall, "its %s namespace is the supervisor's own", kinds[i].kind);
	}
}

static void
say_walls(struct supervisor *s)
{
	for (size_t i = 0; i < s->walls.n; i++)
		linkage_say(
		    s, strstr(s->walls.text[i], "=enforced") != NULL ? "INFO" : "WARN", "wall %s", s->walls.text[i]);
}

/* Who goes out is looked at, unless the operator has said otherwise: then the sandbox says so. */
static void
identity_wall(struct supervisor *s)
{
	if (!s->boot.binaries_free)
		wall_enforced(&s->walls, "binary_identity");
	else
		wall_absent(&s->walls, "binary_identity",
		    "switched off by the operator (network_binary_identity: relaxed): every program may go where the policy lets any "
		    "go");
}

static void
walls_built(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;
	struct why failed = {0};

	if (s->bus.state != STATE_BUILDING || r == ERR_UNAVAILABLE) /* it died: finish_spawner */
		return;
	if (r != OK) {
		finish_failed(s, r == ERR_INVALID || r == ERR_NOT_FOUND ? "PolicyInvalid" : "WallNotEnforced", why);
		return;
	}
	s->bash = answer->spawner_ready.bash;
	walls_add(&s->walls, s->boot.walls, s->boot.walls_n);
	walls_add(&s->walls, answer->spawner_ready.walls, answer->spawner_ready.walls_n);
	check_namespaces(s);
	identity_wall(s);
	say_walls(s);
	if (walls_required(&s->walls, s->files.hard_requirement, &failed) != OK || seal(s, &failed) != OK) {
		finish_failed(s, "WallNotEnforced", &failed);
		return;
	}
	way_open(s, answer);
	if (!s->way.open)
		config_closed(s);
	begin_continue(s);
}

/* ---- the policy ---- */

/* The driver gives the workspace to root of the sandbox; where there are more users, the agent is another. */
static enum err
give_workspace(const struct supervisor *s, struct why *why)
{
	char path[257];
	struct stat st;

	if (!id_mapped(AGENT_ID) || s->boot.workspace.length == 0)
		return OK;
	if (!span_copy(s->boot.workspace, path, sizeof(path)) || lstat(path, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "workspace");
	if (st.st_uid == 0 && lchown(path, AGENT_ID, AGENT_ID) < 0)
		return fail_errno(why, ERR_SYSTEM, "give the workspace to the agent");
	return OK;
}

static bool
exists(int root_fd, const struct policy_path *path)
{
	return faccessat(root_fd, path->path.length > 1 ? path->path.at + 1 : ".", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What the spawner is to build. Paths of the baseline are only meant where they exist. */
static enum err
fill_setup(struct supervisor *s, struct arena *arena, struct msg_spawner_setup *setup, struct why *why)
{
	char root[257];
	auto_fd int root_fd = -1;

	if (!span_copy(s->boot.root, root, sizeof(root)) ||
	    (root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "the root of the sandbox");
	setup->read_only = arena_array(arena, s->files.paths_n + 1, sizeof(struct span));
	setup->read_write = arena_array(arena, s->files.paths_n + 1, sizeof(struct span));
	if (setup->read_only == NULL || setup->read_write == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	for (size_t i = 0; i < s->files.paths_n; i++) {
		const struct policy_path *path = &s->files.paths[i];

		if (path->baseline && !exists(root_fd, path))
			continue;
		if (path->write)
			setup->read_write[setup->read_write_n++] = path->path;
		else
			setup->read_only[setup->read_only_n++] = path->path;
	}
	return OK;
}

static enum err
build(struct supervisor *s, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct msg m = {.id = SPAWNER_SETUP,
	    .spawner_setup = {.name = s->boot.name,
		.root = s->boot.root,
		.host_root = s->boot.host_root,
		.never = s->boot.never,
		.never_n = s->boot.never_n,
		.workspace = s->boot.workspace,
		.ca = span_of_bytes(s->way.ca.certificate, s->way.ca.certificate_n),
		.way_out = s->files.network}};
	enum err r;

	m.spawner_setup.hard_requirement = s->files.hard_requirement;
	m.spawner_setup.include_workdir = s->files.include_workdir;
	m.spawner_setup.uid = s->files.uid;
	m.spawner_setup.gid = s->files.gid;
	if ((r = give_workspace(s, why)) != OK || (r = fill_setup(s, &arena, &m.spawner_setup, why)) != OK)
		return r;
	peer_call(s->spawner_peer, &m, BUILD_WAIT_MS, walls_built, s);
	return OK;
}

static void
start_is_late(void *self)
{
	struct supervisor *s = self;
	struct why why = {0};

	fail(&why, ERR_TIMEOUT, "%s did not become ready within %d s",
	    !way_known(s) || !s->way.listening ? "the proxy" : "policyd", BUILD_WAIT_MS / 1000);
	finish_failed(s, "WallNotEnforced", &why);
}

/* Walls when the CA is known, the main process when its connections would be taken: link, policyd and proxy start at once. */
void
begin_continue(struct supervisor *s)
{
	struct why failed = {0};
	enum err r;

	if (s->bus.state != STATE_BUILDING || !way_known(s))
		return;
	if (!s->asked) {
		s->asked = true;
		if ((r = build(s, &failed)) != OK)
			finish_failed(s, r == ERR_SYSTEM ? "WallNotEnforced" : "PolicyInvalid", &failed);
	} else if (way_ready(s) && s->main.command_id == 0) {
		loop_timer_stop(s->loop, &s->late);
		if (secrets_ready(s) && start_main(s, &failed) != OK)
			finish_failed(s, "CommandNotStarted", &failed);
	}
}

/* Copy a message into the memory of the sandbox: what was read has its lists and text in the message's own. */
static enum err
keep(struct supervisor *s, const struct msg *m, struct why *why)
{
	auto_free char *buffer = NULL;
	size_t room = 0, length;
	struct span bytes;
	struct msg copy;
	enum err r;

	if ((r = msg_encode(m, &buffer, &room, &length, why)) != OK ||
	    (r = arena_span(&s->memory, span_of_bytes(buffer, length), &bytes)) != OK ||
	    (r = msg_decode(bytes, &s->memory, &copy, why)) != OK)
		return r;
	s->enrolled = copy.enrolled;
	return OK;
}

/*
 * The gateway knows us: here is what to run.
 *
 * in      enrolled, from link; once
 * out     done, where it was asked
 */
enum err
begin_enrolled(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct why failed = {0};
	enum err r;

	(void)why;
	if (m->call != 0)
		answer->id = DONE;
	if (s->configured)
		return OK;
	s->configured = true;
	if (s->bus.state == STATE_OVER)
		return OK; /* there is no spawner; link has the report and passes it on now */
	s->bus.state = STATE_BUILDING;
	if ((r = keep(s, m, &failed)) == OK && s->enrolled.command_n == 0)
		r = fail(&failed, ERR_INVALID, "there is no command");
	if (r == OK && s->spawner_peer == NULL)
		r = fail(&failed, ERR_SYSTEM, "there is no spawner");
	if (r == OK)
		r = policy_files_read(s->enrolled.policy, &s->memory, &s->files, &failed);
	if (r == OK)
		r = config_first(s, &failed);
	if (r != OK) {
		finish_failed(s, r == ERR_SYSTEM ? "WallNotEnforced" : "PolicyInvalid", &failed);
		return OK;
	}
	loop_timer_set(s->loop, &s->late, BUILD_WAIT_MS, start_is_late, s);
	secrets_begin(s);
	begin_continue(s);
	return OK;
}
