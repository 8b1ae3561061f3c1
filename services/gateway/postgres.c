/* The embedded PostgreSQL: initdb and the server as children of ours; nothing here speaks SQL over a socket. */
#include "services/gateway/postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/os/child.h"
#include "common/os/file.h"
#include "common/os/remove.h"
#include "services/gateway/file.h"

#define PACKAGE	      "postgresql"
#define CLUSTER_BYTES (80ull << 20) /* what a new cluster takes */

static bool
has_programs(const char *directory)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/initdb", directory);
	if (access(path, X_OK) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/postgres", directory);
	return access(path, X_OK) == 0;
}

/* The newest of /usr/lib/postgresql/N/bin, or that of the wanted N. */
static bool
find_debian(const char *version, char *to, size_t size)
{
	char pattern[64];
	glob_t found;
	long best = -1;

	snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/%.8s/bin", version);
	if (glob(pattern, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		long number = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);

		if (number > best && has_programs(found.gl_pathv[i])) {
			best = number;
			snprintf(to, size, "%s", found.gl_pathv[i]);
		}
	}
	globfree(&found);
	return best >= 0;
}

static bool
find_in_path(char *to, size_t size)
{
	struct span path = span_of_text(getenv("PATH"));

	while (path.length > 0) {
		char directory[CONFIG_PATH_BYTES];

		if (!span_copy(span_cut(&path, ':'), directory, sizeof(directory)) || directory[0] != '/' ||
		    !has_programs(directory))
			continue;
		snprintf(to, size, "%s", directory);
		return true;
	}
	return false;
}

/* The major version of the cluster that is there; "" when there is none. */
static void
cluster_version(const struct postgres *postgres, char version[16])
{
	char path[PATH_BYTES + 16];
	struct why why;

	snprintf(path, sizeof(path), "%s/PG_VERSION", postgres->cluster);
	if (file_read(path, version, 16, NULL, &why) != OK)
		version[0] = '\0';
	version[strcspn(version, "\n")] = '\0';
}

static enum err
programs_find(struct postgres *postgres, const struct config *config, struct why *why)
{
	char version[16];

	cluster_version(postgres, version);
	if (config->postgres_dir[0] != '\0') {
		if (!has_programs(config->postgres_dir))
			return fail(
			    why, ERR_NOT_FOUND, "postgres_dir %s holds no initdb and postgres", config->postgres_dir);
		snprintf(postgres->bin, sizeof(postgres->bin), "%s", config->postgres_dir);
		return OK;
	}
	if (find_debian(version[0] == '\0' ? "*" : version, postgres->bin, sizeof(postgres->bin)))
		return OK;
	if (find_in_path(postgres->bin, sizeof(postgres->bin)))
		return OK;
	if (version[0] != '\0')
		return fail(why, ERR_NOT_FOUND,
		    "the database %s was made by PostgreSQL %s, which is not here: apt install " PACKAGE "-%s",
		    postgres->cluster, version, version);
	return fail(why, ERR_NOT_FOUND,
	    "PostgreSQL's programs initdb and postgres are not here: apt install " PACKAGE
	    ", or set database_url to a server of your own");
}

/* May a user go through every directory above path? Says where not. */
static enum err
reachable(const char *path, uid_t uid, const char *user, struct why *why)
{
	char part[PATH_BYTES];
	struct stat st;

	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (stat(part, &st) == 0 && (st.st_mode & 0001) == 0 && !(st.st_uid == uid && (st.st_mode & 0100) != 0))
			return fail(why, ERR_INVALID,
			    "the user %s, as whom PostgreSQL runs, cannot pass through %s: chmod o+x it, or choose another "
			    "data_dir",
			    user, part);
	}
	return OK;
}

static enum err
user_find(struct postgres *postgres, const struct config *config, struct why *why)
{
	struct passwd *user;

	if (geteuid() != 0)
		return OK;
	if ((user = getpwnam(config->postgres_user)) == NULL)
		return fail(why, ERR_NOT_FOUND,
		    "there is no user %s for PostgreSQL to run as: apt install " PACKAGE ", or set postgres_user",
		    config->postgres_user);
	if (user->pw_uid == 0)
		return fail(why, ERR_INVALID, "postgres_user %s is root, as whom PostgreSQL does not run",
		    config->postgres_user);
	postgres->set_ids = true;
	postgres->uid = user->pw_uid;
	postgres->gid = user->pw_gid;
	return OK;
}

enum err
postgres_find(struct postgres *postgres, const struct config *config, struct why *why)
{
	enum err r;

	data_path_into(config, "postgres", postgres->cluster);
	data_path_into(config, "run/postgres", postgres->socket_dir);
	if ((r = programs_find(postgres, config, why)) != OK || (r = user_find(postgres, config, why)) != OK)
		return r;
	snprintf(postgres->program, sizeof(postgres->program), "%s/postgres", postgres->bin);
	return postgres->set_ids ? reachable(config->data_dir, postgres->uid, config->postgres_user, why) : OK;
}

/* Does the line say why, as PostgreSQL's programs do? */
static bool
is_reason(struct span line)
{
	static const char *const marks[] = {"error: ", "FATAL: ", "PANIC: ", "ERROR: "};

	for (size_t i = 0; i < COUNT(marks); i++)
		if (memmem(line.at, line.length, marks[i], strlen(marks[i])) != NULL)
			return true;
	return false;
}

/* The first line that says why, or else the last one that says anything. */
static void
reason_find(int fd, char *to, size_t size)
{
	char text[8192];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct span rest = {text, n < 0 ? 0 : (size_t)n};

	snprintf(to, size, "it said nothing");
	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.length > 0)
			snprintf(to, size, SPAN_FORMAT, SPAN_ARGS(line));
		if (is_reason(line))
			break;
	}
	for (char *p = to; *p != '\0'; p++)
		if (*p == '"')
			*p = '\'';
}

/* Run one of its programs to the end. in: descriptor for its standard input and for number 3, or -1. */
static enum err
tool_run(const struct postgres *postgres, const char *const *argv, int in, struct why *why)
{
	char path[PATH_BYTES], said[256], search[PATH_BYTES]; /* initdb looks for itself, and then for postgres */
	const char *const environment[] = {search, "LC_ALL=C", "TZ=UTC", NULL};
	auto_fd int out = memfd_create("output", MFD_CLOEXEC);
	struct child_plan plan = {.path = path,
	    .argv = argv,
	    .envp = environment,
	    .fds = {in, out, out, in},
	    .fds_count = 4,
	    .die_with_parent = true,
	    .set_ids = postgres->set_ids,
	    .uid = postgres->uid,
	    .gid = postgres->gid};
	struct child child;
	enum err r;
	int code;

	snprintf(path, sizeof(path), "%s/%s", postgres->bin, argv[0]);
	snprintf(search, sizeof(search), "PATH=%s:/usr/bin:/bin", postgres->bin);
	if ((r = child_start(&child, &plan, why)) != OK)
		return r;
	if ((code = child_exit_code(child_wait(&child))) == 0)
		return OK;
	reason_find(out, said, sizeof(said));
	return fail(why, ERR_SYSTEM, "%s ended with code %d: %s", argv[0], code, log_quote(span_of_text(said)));
}

static enum err
random_hex(char to[POSTGRES_PASSWORD_BYTES])
{
	uint8_t bytes[32];

	random_bytes(bytes, sizeof(bytes));
	hex_write(bytes, sizeof(bytes), to);
	explicit_bzero(bytes, sizeof(bytes));
	return OK;
}

/* Nobody keeps the superuser's password: everything that needs one is done in single-user mode. */
static enum err
initdb_run(const struct postgres *postgres, const char *directory, struct why *why)
{
	const char *const argv[] = {"initdb", "-D", directory, "--username=postgres", "--auth=scram-sha-256",
	    "--pwfile=/proc/self/fd/3", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-sync",
	    "--no-instructions", NULL};
	char password[POSTGRES_PASSWORD_BYTES];
	auto_fd int fd = -1;
	enum err r;

	random_hex(password);
	r = memfd_sealed("password", span_of_text(password), &fd, why);
	explicit_bzero(password, sizeof(password));
	return r != OK ? r : tool_run(postgres, argv, fd, why);
}

static enum err
role_make(const struct postgres *postgres, const char *directory, struct why *why)
{
	const char *const argv[] = {
	    "postgres", "--single", "-j", "-D", directory, "-c", "log_statement=none", "postgres", NULL};
	char sql[512];
	struct text text = TEXT_OF(sql);
	auto_fd int fd = -1;
	enum err r;

	text_add(&text, "CREATE ROLE openshell LOGIN PASSWORD '%s';\n\n", postgres->password);
	text_add(&text, "CREATE DATABASE openshell OWNER openshell;\n\n");
	text_add(&text, "REVOKE ALL ON DATABASE openshell FROM PUBLIC;\n\n");
	r = memfd_sealed("sql", text_span(&text), &fd, why);
	explicit_bzero(sql, sizeof(sql));
	return r != OK ? r : tool_run(postgres, argv, fd, why);
}

static enum err
directory_sync(const char *path, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return fail_errno(why, ERR_SYSTEM, "sync %s", path);
	return OK;
}

/* PostgreSQL tells that it could not write, not that there is no room. */
static enum err
making_failed(const struct config *config, enum err r, struct why *why)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(config->data_dir, &fs) < 0 || (left = (uint64_t)fs.f_bavail * fs.f_frsize) > CLUSTER_BYTES)
		return because(why, r, "make the database");
	return because(why, r, "make the database, where %s has %llu MiB left, and %u are needed", config->data_dir,
	    (unsigned long long)(left >> 20), (unsigned)(CLUSTER_BYTES >> 20));
}

static enum err
cluster_make(struct postgres *postgres, const struct config *config, struct why *why)
{
	char made[PATH_BYTES];
	enum err r;

	random_hex(postgres->password);
	data_path_into(config, "postgres.new", made);
	if ((r = file_replace(data_path(config, "keys/postgres.password"), 0600, span_of_text(postgres->password), true,
		 why)) != OK ||
	    (r = tree_remove_whole(AT_FDCWD, made, why)) != OK ||
	    (r = dir_make_for(made, 0700, postgres->uid, postgres->gid, why)) != OK ||
	    (r = initdb_run(postgres, made, why)) != OK || (r = role_make(postgres, made, why)) != OK ||
	    (r = directory_sync(made, why)) != OK) {
		dir_clear(made);
		return making_failed(config, r, why);
	}
	if (rename(made, postgres->cluster) < 0)
		return fail_errno(why, ERR_SYSTEM, "make %s", postgres->cluster);
	return directory_sync(config->data_dir, why);
}

static enum err
password_load(struct postgres *postgres, const struct config *config, struct why *why)
{
	const char *path = data_path(config, "keys/postgres.password");
	size_t length;
	enum err r = file_read(path, postgres->password, sizeof(postgres->password), &length, why);

	if (r == OK && length != POSTGRES_PASSWORD_BYTES - 1)
		return fail(
		    why, ERR_INVALID, "%s does not hold the database's password: restore it from a backup", path);
	return r == ERR_NOT_FOUND ? because(why, r, "the database is there, but its password is not") : r;
}

/* The pid in the first line of the server's lock file; 0 when there is none. */
static pid_t
lock_pid(const struct postgres *postgres, char *status, size_t status_size)
{
	char path[PATH_BYTES + 32], text[2048];
	struct span rest, line = SPAN_NONE;
	uint64_t pid;
	struct why why;

	snprintf(path, sizeof(path), "%s/postmaster.pid", postgres->cluster);
	if (file_read(path, text, sizeof(text), NULL, &why) != OK)
		return 0;
	rest = span_of_text(text);
	if (number_parse(span_cut(&rest, '\n'), 1, INT_MAX, &pid, &why) != OK)
		return 0;
	for (int i = 2; i <= 8; i++) /* LOCK_FILE_LINE_PM_STATUS of PostgreSQL's miscadmin.h */
		line = span_cut(&rest, '\n');
	if (status != NULL && !span_copy(span_head(line, status_size - 1), status, status_size))
		status[0] = '\0';
	return (pid_t)pid;
}

bool
postgres_serves(const struct postgres *postgres, pid_t pid)
{
	char status[16] = "";

	return lock_pid(postgres, status, sizeof(status)) == pid && strncmp(status, "ready", 5) == 0;
}

/* Is that process a server in our cluster? Its directory is the cluster (a server goes there at once). */
static bool
is_our_server(const struct postgres *postgres, pid_t pid)
{
	char link[64], at[PATH_MAX], cluster[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	if ((n = readlink(link, at, sizeof(at) - 1)) <= 0 || realpath(postgres->cluster, cluster) == NULL)
		return false;
	at[n] = '\0';
	return strcmp(at, cluster) == 0;
}

static void
process_kill(pid_t pid)
{
	auto_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd gone = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return;
	log_warning("postgres.orphan", "pid=%d", (int)pid);
	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	poll(&gone, 1, 5000);
}

/*
 * What a killed server left. We hold the gateway's lock, so every process in the cluster is an orphan; one that still
 * holds the shared memory would keep the next server from starting. The write-ahead log makes killing them safe. A lock
 * file whose number some other program has got since would be taken for a running server.
 */
void
postgres_clear(const struct postgres *postgres)
{
	char path[PATH_BYTES + 32];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t pid;

	while (proc != NULL && (entry = readdir(proc)) != NULL)
		if ((pid = (pid_t)strtol(entry->d_name, NULL, 10)) > 0 && is_our_server(postgres, pid))
			process_kill(pid);
	if (proc != NULL)
		closedir(proc);
	pid = lock_pid(postgres, NULL, 0);
	snprintf(path, sizeof(path), "%s/postmaster.pid", postgres->cluster);
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		unlink(path);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.5432.lock", postgres->socket_dir);
	unlink(path);
}

static void
argument_add(struct postgres *postgres, size_t *n, const char *name, const char *value)
{
	snprintf(postgres->arguments[*n], sizeof(postgres->arguments[*n]), "%s=%s", name, value);
	postgres->argv[3 + 2 * *n] = "-c";
	postgres->argv[4 + 2 * *n] = postgres->arguments[*n];
	(*n)++;
	postgres->argv[3 + 2 * *n] = NULL;
}

/* Given at each start, so that an edited postgresql.conf cannot open the database to others. */
static void
arguments_make(struct postgres *postgres)
{
	static const struct {
		const char *name, *value;
	} settings[] = {{"listen_addresses", ""}, {"unix_socket_permissions", "0777"}, {"port", "5432"},
	    {"max_connections", "20"}, {"shared_buffers", "16MB"}, {"fsync", "on"}, {"full_page_writes", "on"},
	    {"synchronous_commit", "on"}, {"wal_level", "minimal"}, {"max_wal_senders", "0"}, {"max_wal_size", "256MB"},
	    {"password_encryption", "scram-sha-256"}, {"logging_collector", "off"}, {"log_destination", "stderr"},
	    {"log_min_messages", "warning"}, {"log_statement", "none"}, {"max_parallel_workers", "0"}, {"jit", "off"},
	    {"timezone", "UTC"}, {"cluster_name", "openshell"}};
	char version[16];
	size_t n = 0;

	cluster_version(postgres, version);
	postgres->argv[0] = postgres->program; /* it finds its libraries and data by that */
	postgres->argv[1] = "-D";
	postgres->argv[2] = postgres->cluster;
	argument_add(postgres, &n, "unix_socket_directories", postgres->socket_dir);
	for (size_t i = 0; i < COUNT(settings); i++)
		argument_add(postgres, &n, settings[i].name, settings[i].value);
	if (strtol(version, NULL, 10) >= 14) /* before recovery: not a thousand files one by one */
		argument_add(postgres, &n, "recovery_init_sync_method", "syncfs");
}

enum err
postgres_prepare(struct postgres *postgres, const struct config *config, gid_t state_gid, struct why *why)
{
	enum err r;

	if (file_exists(postgres->cluster))
		r = password_load(postgres, config, why);
	else
		r = cluster_make(postgres, config, why);
	if (r != OK)
		return r;
	r = dir_make_for(postgres->socket_dir, postgres->set_ids ? 0710 : 0700, postgres->uid, state_gid, why);
	arguments_make(postgres);
	return r;
}
