/* The gateway: prepares everything, starts the processes one by one, watches them, and ends them in reverse. */
#include "services/gateway/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/os/file.h"
#include "common/service/service.h"
#include "services/gateway/file.h"
#include "services/gateway/lock.h"
#include "services/gateway/pki.h"

#define START_LIMIT_MS	  60000
#define DATABASE_LIMIT_MS 600000 /* recovery after a crash reads the log from the last checkpoint on */
#define STOP_LIMIT_MS	  5000
#define DATABASE_STOP_MS  30000
#define STOP_SANDBOXES_MS 30000
#define REBIND_MS	  3000
#define BACKLOG		  1024

static void
progress(struct gateway *gateway, const char *kind, const char *words)
{
	char line[WHY_BYTES + 16];
	int n = snprintf(line, sizeof(line), "%s %s", kind, words);

	log_info("gateway.progress", "%s=\"%s\"", kind, words);
	if (gateway->progress_fd < 0)
		return;
	n = n < (int)sizeof(line) - 1 ? n : (int)sizeof(line) - 2;
	line[n] = '\n';
	if (write(gateway->progress_fd, line, (size_t)n + 1) < 0)
		log_debug("gateway.unheard", NULL);
}

/* ---- prepare ---- */

/* After a crash the old api may take a moment to die; it holds the port until then. */
static bool
bind_patiently(int fd, const struct sockaddr *address, socklen_t length, bool crashed)
{
	uint64_t end_ms = clock_ms() + (crashed ? REBIND_MS : 0);
	bool bound;

	while (!(bound = bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0) && errno == EADDRINUSE &&
	       clock_ms() < end_ms)
		usleep(20000);
	return bound;
}

static enum err
listen_open(const struct config *config, bool crashed, int *out, struct why *why)
{
	bool six = strchr(config->bind_address, ':') != NULL;
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(config->port)};
	struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_port = htons(config->port)};
	auto_fd int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr *address = six ? (void *)&address6 : (void *)&address4;
	socklen_t length = six ? sizeof(address6) : sizeof(address4);
	int on = 1;

	if (fd < 0)
		return fail_errno(why, ERR_SYSTEM, "socket");
	inet_pton(AF_INET6, config->bind_address, &address6.sin6_addr);
	inet_pton(AF_INET, config->bind_address, &address4.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind_patiently(fd, address, length, crashed)) {
		*out = fd_take(&fd);
		return OK;
	}
	if (errno == EADDRINUSE)
		return fail(why, ERR_BUSY,
		    "port %u on %s is in use by another program (ss -ltnp shows which): choose another with --port",
		    config->port, config->bind_address);
	if (errno == EACCES)
		return fail(why, ERR_DENIED, "port %u may be opened by root only: choose one above 1023", config->port);
	return fail_errno(why, ERR_SYSTEM, "listen on %s port %u", config->bind_address, config->port);
}

/* Unless the person has a server of their own. */
static enum err
database_prepare(struct gateway *gateway, struct why *why)
{
	const struct config *config = gateway->config;
	struct postgres *postgres = &gateway->postgres;
	enum err r;

	if (config->database_url[0] != '\0') {
		snprintf(gateway->database_url, sizeof(gateway->database_url), "%s", config->database_url);
		return OK;
	}
	if (!file_exists(postgres->cluster))
		progress(gateway, "step", "making the database (first start)");
	if ((r = postgres_prepare(postgres, config, service_uid(&services[0], config), why)) != OK)
		return r;
	snprintf(gateway->database_url, sizeof(gateway->database_url),
	    "host=/postgres user=openshell dbname=openshell password=%s sslmode=disable", postgres->password);
	return OK;
}

static enum err
programs_there(const struct config *config, struct why *why)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < SERVICES_N; i++) {
		snprintf(path, sizeof(path), "%s/%s", config->libexec_dir, services[i].name);
		if (access(path, X_OK) < 0)
			return fail_errno(why, ERR_NOT_FOUND, "the program %s", path);
	}
	return OK;
}

/* Nobody else enters: who reaches a socket of the gateway's can wear it out without a key. PostgreSQL is a user of its own. */
static enum err
data_prepare(struct gateway *gateway, struct why *why)
{
	const struct config *config = gateway->config;
	bool another = gateway->postgres.set_ids;
	enum err r;

	r = dir_make_for(
	    config->data_dir, another ? 0710 : 0700, geteuid(), another ? gateway->postgres.gid : getegid(), why);
	if (r != OK)
		return because(why, r, "data_dir");
	if (access(config->data_dir, W_OK) < 0)
		return fail_errno(why, ERR_SYSTEM, "data_dir: write to %s", config->data_dir);
	return lock_take(config, &gateway->lock_fd, why);
}

/* In the order in which a person would rather hear of a mistake: nothing is made before what can be checked is. */
static enum err
prepare(struct gateway *gateway, struct why *why)
{
	const struct config *config = gateway->config;
	char note[300];
	enum err r;

	if ((r = programs_there(config, why)) != OK ||
	    (config->database_url[0] == '\0' && (r = postgres_find(&gateway->postgres, config, why)) != OK) ||
	    (r = data_prepare(gateway, why)) != OK ||
	    (r = listen_open(config, file_exists(data_path(config, "status.json")), &gateway->listen_fd, why)) != OK ||
	    (r = services_directories(config, why)) != OK || (r = keys_load(&gateway->keys, config, why)) != OK)
		return r;
	if (!config->disable_tls && !file_exists(config->tls_dir))
		progress(gateway, "step", "making certificates (first start)");
	if ((r = pki_prepare(config, why)) != OK || (r = pki_client_dir(config, why)) != OK)
		return r;
	pki_own_note(config, note, sizeof(note));
	if (note[0] != '\0')
		progress(gateway, "note", note);
	return database_prepare(gateway, why);
}

/* ---- the processes ---- */

static bool
database_serves(void *self, pid_t pid)
{
	return postgres_serves(self, pid);
}

static void
database_clear(void *self)
{
	postgres_clear(self);
}

static void process_changed(void *self, struct process *process);

static struct process *
process_add(struct gateway *gateway, const char *name)
{
	struct process *process = &gateway->processes[gateway->processes_n++];

	process->name = name;
	process->loop = gateway->loop;
	process->changed = process_changed;
	process->self = gateway;
	process->stop_signal = SIGTERM;
	process->start_limit_ms = START_LIMIT_MS;
	process->plan.die_with_parent = true;
	process->plan.fds[0] = process->plan.fds[1] = -1;
	process->plan.fds[2] = STDERR_FILENO;
	process->plan.fds_count = 3;
	return process;
}

static void
database_add(struct gateway *gateway)
{
	static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
	struct postgres *postgres = &gateway->postgres;
	struct process *process = process_add(gateway, "postgres");

	process->plan.path = postgres->program;
	process->plan.argv = postgres->argv;
	process->plan.envp = environment;
	process->plan.set_ids = postgres->set_ids;
	process->plan.uid = postgres->uid;
	process->plan.gid = postgres->gid;
	process->serves = database_serves;
	process->prepare = database_clear;
	process->serves_self = postgres;
	process->start_limit_ms = DATABASE_LIMIT_MS;
	process->stop_signal = SIGINT; /* "fast": ends its sessions and writes a checkpoint */
}

static enum err
service_add(struct gateway *gateway, size_t i, struct why *why)
{
	const struct service *service = &services[i];
	const struct service_source source = {gateway->config, &gateway->keys, gateway->database_url};
	struct process *process = process_add(gateway, service->name);
	char *bytes = calloc(1, SERVICE_YAML_BYTES);
	struct text text = {bytes, 0, SERVICE_YAML_BYTES, false};
	int fd = -1;
	enum err r;

	if (bytes == NULL)
		abort();
	if ((r = service_yaml(service, &source, &text, why)) == OK)
		r = memfd_sealed(service->name, text_span(&text), &fd, why);
	explicit_bzero(bytes, SERVICE_YAML_BYTES);
	free(bytes);
	snprintf(gateway->paths[i], sizeof(gateway->paths[i]), "%s/%s", gateway->config->libexec_dir, service->name);
	gateway->argv[i][0] = service->name;
	gateway->argv[i][1] = "--foreground";
	process->plan.path = gateway->paths[i];
	process->plan.argv = gateway->argv[i];
	process->plan.fds[SERVICE_FD_SETTINGS] = fd;
	process->plan.fds[SERVICE_FD_LISTEN] = service->listens ? gateway->listen_fd : -1;
	process->plan.fds[SERVICE_FD_READY] = -1;
	process->plan.fds_count = SERVICE_FD_READY + 1;
	process->ready_number = SERVICE_FD_READY;
	return r;
}

static enum err
processes_add(struct gateway *gateway, struct why *why)
{
	enum err r = OK;

	if (gateway->config->database_url[0] == '\0')
		database_add(gateway);
	for (size_t i = 0; i < SERVICES_N && r == OK; i++)
		r = service_add(gateway, i, why);
	explicit_bzero(gateway->database_url, sizeof(gateway->database_url));
	explicit_bzero(gateway->postgres.password, sizeof(gateway->postgres.password));
	keys_wipe(&gateway->keys); /* from here on they are in the sealed memfds alone */
	return r;
}

static void stop_begin(struct gateway *gateway);

/* Clients are led here when there is something to be led to: a start that fails takes them from no other gateway. */
static bool
clients_told(struct gateway *gateway)
{
	char note[256];

	gateway->failed = pki_register(gateway->config, note, sizeof(note), &gateway->why);
	if (gateway->failed == OK && note[0] != '\0')
		progress(gateway, "note", note);
	return gateway->failed == OK;
}

static void
start_next(struct gateway *gateway)
{
	char words[96];

	if (gateway->at < gateway->processes_n) {
		struct process *process = &gateway->processes[gateway->at];

		snprintf(words, sizeof(words), "starting %s",
		    strcmp(process->name, "postgres") == 0 ? "the database" : process->name);
		progress(gateway, "step", words);
		process_start(process);
		return;
	}
	if (!clients_told(gateway)) {
		stop_begin(gateway);
		return;
	}
	gateway->phase = GATEWAY_SERVING;
	status_write(gateway);
	progress(gateway, "ready", "");
	if (gateway->progress_fd >= 0)
		close(gateway->progress_fd);
	gateway->progress_fd = -1;
}

/* From the last to the first; one that has ended already is passed over. */
static void
stop_next(struct gateway *gateway)
{
	while (gateway->at > 0) {
		struct process *process = &gateway->processes[--gateway->at];
		bool driver = strcmp(process->name, "driver-local") == 0;
		bool sandboxes = driver && gateway->stop_sandboxes;

		process_stop(process, sandboxes ? SIGUSR1 : 0,
		    sandboxes			     ? STOP_SANDBOXES_MS
		    : process->stop_signal == SIGINT ? DATABASE_STOP_MS
						     : STOP_LIMIT_MS);
		if (process->state == PROCESS_STOPPING)
			return;
	}
	loop_stop(gateway->loop);
}

static void
stop_begin(struct gateway *gateway)
{
	if (gateway->phase == GATEWAY_STOPPING)
		return;
	gateway->phase = GATEWAY_STOPPING;
	gateway->at = gateway->processes_n;
	stop_next(gateway);
}

static void
start_failed(struct gateway *gateway, const struct process *process)
{
	const char *words = strncmp(process->said, "failed: ", 8) == 0 ? process->said + 8 : process->said;

	gateway->failed = fail(&gateway->why, ERR_UNAVAILABLE, "%s could not start: %s", process->name,
	    words[0] == '\0' ? "it ended without a word" : words);
	stop_begin(gateway);
}

static const char *
said_line(struct process *process, size_t from)
{
	process->said[strcspn(process->said, "\n")] = '\0';
	return process->said + from;
}

static void
process_changed(void *self, struct process *process)
{
	struct gateway *gateway = self;
	bool current = gateway->at < gateway->processes_n && process == &gateway->processes[gateway->at];

	status_write(gateway);
	if (gateway->phase == GATEWAY_STARTING && current && process->state == PROCESS_UP) {
		if (strncmp(process->said, "ready: ", 7) == 0)
			progress(gateway, "note", said_line(process, 7));
		gateway->at++;
		start_next(gateway);
	} else if (gateway->phase == GATEWAY_STARTING && current && process->state == PROCESS_OFF) {
		start_failed(gateway, process);
	} else if (gateway->phase == GATEWAY_STOPPING && current && process->state == PROCESS_OFF) {
		stop_next(gateway);
	}
}

/* ---- run ---- */

static void
got_signal(void *self, int number)
{
	struct gateway *gateway = self;

	log_info("gateway.stop", "signal=%d", number);
	if (number == SIGUSR1)
		gateway->stop_sandboxes = true;
	if (gateway->phase == GATEWAY_STARTING)
		gateway->failed = fail(&gateway->why, ERR_CANCELLED, "stopped while it was starting");
	stop_begin(gateway);
}

/* The ring of storage keys has changed (rotate-key): credentials reads it when it starts. */
static void
got_rotation(void *self, int number)
{
	struct gateway *gateway = self;

	log_info("gateway.rotate", "signal=%d", number);
	for (size_t i = 0; i < gateway->processes_n && gateway->phase == GATEWAY_SERVING; i++)
		if (strcmp(gateway->processes[i].name, "credentials") == 0)
			process_again(&gateway->processes[i], STOP_LIMIT_MS);
}

static enum err
signals_add(struct gateway *gateway, struct why *why)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
	enum err r = OK;

	for (size_t i = 0; i < COUNT(numbers) && r == OK; i++)
		r = loop_signal(gateway->loop, numbers[i], got_signal, gateway, why);
	return r == OK ? loop_signal(gateway->loop, SIGUSR2, got_rotation, gateway, why) : r;
}

/* It must start the others, some as other users, so it keeps its own; but gains nothing and shows nothing. */
static enum err
harden(struct why *why)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "prctl");
	return OK;
}

static void
gateway_done(struct gateway *gateway)
{
	int *const fds[] = {&gateway->listen_fd, &gateway->progress_fd, &gateway->lock_fd};

	for (size_t i = gateway->processes_n; i-- > 0;) {
		process_end(&gateway->processes[i]);
		clean_fd(&gateway->processes[i].plan.fds[SERVICE_FD_SETTINGS]);
	}
	if (gateway->lock_fd >= 0) /* else it is another's, or a crashed one's */
		unlink(data_path(gateway->config, "status.json"));
	keys_wipe(&gateway->keys);
	for (size_t i = 0; i < COUNT(fds); i++)
		clean_fd(fds[i]);
	loop_free(gateway->loop);
	free(gateway);
}

enum err
gateway_run(const struct config *config, int progress_fd, struct why *why)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	enum err r;

	if (gateway == NULL)
		abort();
	gateway->config = config;
	gateway->lock_fd = gateway->listen_fd = -1;
	gateway->progress_fd = progress_fd;
	gateway->started_ms = clock_wall_ms();
	umask(022);		  /* what is private is made with its own mode */
	signal(SIGPIPE, SIG_IGN); /* whoever asked for the start may be gone at its first word */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN); /* until it serves: rotate-key says it again */
	if ((r = harden(why)) == OK && (r = prepare(gateway, why)) == OK && (r = loop_new(&gateway->loop, why)) == OK &&
	    (r = processes_add(gateway, why)) == OK && (r = signals_add(gateway, why)) == OK) {
		start_next(gateway);
		r = loop_run(gateway->loop, why);
		if (r == OK && (r = gateway->failed) != OK)
			*why = gateway->why;
	}
	if (r != OK)
		progress(gateway, "failed", why->text);
	gateway_done(gateway);
	return r;
}
