/*
 * Start a sandbox by hand, with no gateway: for looking at it, and what the test of the walls runs.
 *
 * usage: box_try BUNDLE [option...] [-- MAIN...] < commands (as fake_link.c reads them)
 *   --user UID        as this ordinary user; otherwise as whoever runs it (root: with a range of ids)
 *   --read PATH       policy: may be read; the default policy's paths when none is given
 *   --write PATH      policy: may be written
 *   --network         policy: with a network section
 *   --container       the root is no host's
 *   --hard            landlock: hard_requirement
 *   --never PATH      the driver's list of what is never shared
 *   --copy FILE       into the workspace, executable
 *   --as ID           process: run_as_user and run_as_group
 * exit  0 once the script came to its END, 1 when the sandbox failed, or ended before
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/codec.h"
#include "common/wire/protobuf.h"
#include "openshell/sandbox.pb-c.h"
#include "tests/unit/supervisor/box.h"
#include "tests/unit/run.h"

#define RANGE	 2000000u
#define WAIT_MS	 60000
#define LIST_MAX 300

struct options {
	const char *bundle, *user, *as;
	char *read[LIST_MAX], *write[LIST_MAX];
	const char *never[LIST_MAX], *copy[16];
	size_t read_n, write_n, never_n, copy_n;
	bool hard, network, container;
	char **main;
	size_t main_n;
};

static const char *const default_read[] = {"/usr", "/lib", "/proc", "/dev/urandom", "/app", "/etc", "/var/log"};
static const char *const default_write[] = {"/tmp", "/dev/null"};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static void
parse(struct options *o, int argc, char **argv)
{
	static char *const main_default[] = {(char *)"sleep", (char *)"infinity"};

	o->bundle = realpath(argv[1], NULL); /* kept */
	o->main = (char **)(uintptr_t)main_default;
	o->main_n = 2;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0 && i + 1 < argc) {
			o->main = argv + i + 1;
			o->main_n = (size_t)(argc - i - 1);
			break;
		}
		if (strcmp(argv[i], "--hard") == 0)
			o->hard = true;
		else if (strcmp(argv[i], "--container") == 0)
			o->container = true;
		else if (strcmp(argv[i], "--network") == 0)
			o->network = true;
		else if (i + 1 == argc)
			die("%s needs a value", argv[i]);
		else if (strcmp(argv[i], "--user") == 0)
			o->user = argv[++i];
		else if (strcmp(argv[i], "--as") == 0)
			o->as = argv[++i];
		else if (strcmp(argv[i], "--read") == 0)
			o->read[o->read_n++] = argv[++i];
		else if (strcmp(argv[i], "--write") == 0)
			o->write[o->write_n++] = argv[++i];
		else if (strcmp(argv[i], "--never") == 0)
			o->never[o->never_n++] = argv[++i];
		else if (strcmp(argv[i], "--copy") == 0)
			o->copy[o->copy_n++] = argv[++i];
		else
			die("no such option: %s", argv[i]);
	}
	for (size_t i = 0; o->read_n + o->write_n == 0 && i < COUNT(default_read); i++)
		o->read[i] = (char *)(uintptr_t)default_read[i];
	if (o->read_n + o->write_n == 0) {
		o->read_n = COUNT(default_read);
		for (size_t i = 0; i < COUNT(default_write); i++)
			o->write[o->write_n++] = (char *)(uintptr_t)default_write[i];
	}
}

static void
put_file(const char *directory, const char *name, const void *bytes, size_t length, mode_t mode)
{
	char path[4096];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)) < 0 ||
	    write(fd, bytes, length) != (ssize_t)length)
		die("%s", path);
}

static void
copy_file(const char *work, const char *from)
{
	char directory[4096];
	auto_fd int fd = open(from, O_RDONLY | O_CLOEXEC);
	char *bytes = malloc(8u << 20);
	ssize_t n;

	if (fd < 0 || bytes == NULL || (n = read(fd, bytes, 8u << 20)) < 0)
		die("%s", from);
	snprintf(directory, sizeof(directory), "%s/workspace", work);
	put_file(directory, strrchr(from, '/') == NULL ? from : strrchr(from, '/') + 1, bytes, (size_t)n, 0755);
	free(bytes);
}

static struct span
policy(const struct options *o, struct arena *arena)
{
	Openshell__Sandbox__V1__SandboxPolicy all = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Openshell__Sandbox__V1__FilesystemPolicy files = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	Openshell__Sandbox__V1__LandlockPolicy landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	Openshell__Sandbox__V1__ProcessPolicy process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;
	Openshell__Sandbox__V1__NetworkPolicyRule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
	    entry = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT,
	    *entries[] = {&entry};
	struct why why = {0};
	struct span bytes;

	entry.key = (char *)(uintptr_t) "some";
	entry.value = &rule;
	all.filesystem = &files;
	all.landlock = &landlock;
	all.process = &process;
	files.has_include_workdir = files.include_workdir = true;
	files.n_read_only = o->read_n;
	files.read_only = (char **)(uintptr_t)o->read;
	files.n_read_write = o->write_n;
	files.read_write = (char **)(uintptr_t)o->write;
	landlock.compatibility = (char *)(uintptr_t)(o->hard ? "hard_requirement" : "best_effort");
	if (o->network) {
		all.network_policies = entries;
		all.n_network_policies = 1;
	}
	process.run_as_user = process.run_as_group = (char *)(uintptr_t)(o->as == NULL ? "sandbox" : o->as);
	if (protobuf_write(&all.base, arena, &bytes, &why) != OK)
		die("policy: %s", why.text);
	return bytes;
}

static struct span
encode(const struct msg *m, char **buffer)
{
	size_t room = 0, length;
	struct why why = {0};

	*buffer = NULL;
	if (msg_encode(m, buffer, &room, &length, &why) != OK)
		die("message: %s", why.text);
	return span_of_bytes(*buffer, length);
}

static void
write_script(const struct options *o, const char *work)
{
	static char commands[65536];
	auto_arena struct arena arena = {0};
	auto_free char *buffer = NULL;
	struct span words[256],
	    environment[] = {SPAN("GREETING=hello"), SPAN("OPENSHELL_TOKEN=stolen"), SPAN("OPENSHELL_PYFUNC_B64=code")};
	char directory[4096];
	struct msg m = {.id = ENROLLED,
	    .enrolled = {.name = SPAN("tried"),
		.workspace = SPAN("default"),
		.command = words,
		.command_n = o->main_n,
		.environment = environment,
		.environment_n = COUNT(environment),
		.policy = policy(o, &arena),
		.policy_version = 1}};
	struct span bytes;
	size_t n = 0;
	ssize_t got;

	for (size_t i = 0; i < o->main_n; i++)
		words[i] = span_of_text(o->main[i]);
	bytes = encode(&m, &buffer);
	while (n < sizeof(commands) && (got = read(0, commands + n, sizeof(commands) - n)) > 0)
		n += (size_t)got;
	snprintf(directory, sizeof(directory), "%s/script", work);
	put_file(directory, "enrolled", bytes.at, bytes.length, 0644);
	put_file(directory, "commands", commands, n, 0644);
}

static struct span
bootstrap(const struct options *o, char **buffer)
{
	static const uint8_t key[32] = {1};
	struct span k = span_of_bytes(key, 32), never[LIST_MAX], walls[] = {SPAN("cgroup_pids=absent: a test")};
	struct msg m = {.id = BOOTSTRAP,
	    .bootstrap = {.sandbox = id_new(),
		.name = SPAN("tried"),
		.epoch = 1,
		.relay = SPAN("ipc:///none"),
		.relay_key = k,
		.credentials_key = k,
		.token = k,
		.claim = k,
		.root = SPAN("/host"),
		.host_root = !o->container,
		.never = never,
		.never_n = o->never_n,
		.workspace = SPAN("/workspace"),
		.walls = walls,
		.walls_n = 1}};

	for (size_t i = 0; i < o->never_n; i++)
		never[i] = span_of_text(o->never[i]);
	return encode(&m, buffer);
}

/* Pass the log on until the script has ended. */
static int
follow(struct box *box)
{
	static char log[1u << 20];
	size_t n = 0;
	ssize_t got;
	struct pollfd poll_fd = {.fd = box->log_fd, .events = POLLIN};

	while (n < sizeof(log) - 1 && poll(&poll_fd, 1, WAIT_MS) > 0 &&
	       (got = read(box->log_fd, log + n, sizeof(log) - 1 - n)) > 0) {
		if (write(1, log + n, (size_t)got) < 0)
			return 1;
		n += (size_t)got;
		log[n] = '\0';
		if (strstr(log, "\nEND ") != NULL)
			return 0;
		if (strstr(log, "\nFAILED ") != NULL)
			return 1;
	}
	return 1;
}

static void
become(const char *user, const char *work)
{
	uid_t id = (uid_t)strtoul(user, NULL, 10);

	if (chown(work, id, id) < 0 || setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		die("become %s", user);
	/* so that the files of the box's first process in /proc belong to this user */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		die("dumpable");
}

int
main(int argc, char **argv)
{
	static struct options o;
	char work[] = "/tmp/box-XXXXXX", path[64];
	auto_free char *buffer = NULL;
	struct box box;
	int r;

	if (argc < 2)
		die("usage: box_try BUNDLE [option...] [-- MAIN...]");
	parse(&o, argc, argv);
	if (mkdtemp(work) == NULL || chmod(work, 0755) < 0)
		die("%s", work);
	if (o.user != NULL)
		become(o.user, work);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", work, (const char *[]){"box", "workspace", "script"}[i]);
		if (mkdir(path, 0755) < 0)
			die("%s", path);
	}
	for (size_t i = 0; i < o.copy_n; i++)
		copy_file(work, o.copy[i]);
	write_script(&o, work);
	snprintf(path, sizeof(path), "%s/workspace", work);
	if (geteuid() == 0 && chown(path, RANGE, RANGE) < 0)
		die("%s", path);
	if (box_start(&(struct box_options){o.bundle, work, geteuid() == 0 ? RANGE : 0, bootstrap(&o, &buffer)}, &box) <
	    0)
		die("box");
	r = follow(&box);
	box_stop(&box);
	return program_run((const char *const[]){"rm", "-rf", work, NULL}) != 0 ? 1 : r;
}
