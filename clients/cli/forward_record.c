/* Forwards that run in the background. A process is held by a descriptor before it is looked at, so that what is ended
 * is what was looked at. */
#include "clients/cli/forward_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define END_MS	    2000	/* that an ssh may take to end when it is asked to */
#define CMDLINE_MAX (64u << 10) /* bytes of a command line that are looked at */

bool
forward_name_read(struct span file, struct span *sandbox, uint16_t *port)
{
	size_t suffix = strlen(".pid"), dash = 0;
	uint64_t number;

	if (file.length <= suffix || !span_is(span_tail(file, file.length - suffix), ".pid"))
		return false;
	file.length -= suffix;
	for (size_t i = 0; i < file.length; i++)
		dash = file.at[i] == '-' ? i : dash;
	if (dash == 0 || number_parse(span_tail(file, dash + 1), 1, UINT16_MAX, &number, NULL) != OK)
		return false;
	*sandbox = span_head(file, dash);
	*port = (uint16_t)number;
	return true;
}

enum err
forward_record_read(struct span text, struct arena *arena, struct forward_record *out, struct why *why)
{
	struct span line = span_cut(&text, '\n'), rest = line, pid = span_cut(&rest, '\t'), id = span_cut(&rest, '\t');
	uint64_t number;

	if (number_parse(pid, 2, INT32_MAX, &number, NULL) != OK)
		return fail(why, ERR_SYNTAX, "not a forward's file");
	out->pid = (pid_t)number;
	out->sandbox_id = id.length == 0 ? NULL : arena_text(arena, id);
	out->bind = arena_text(arena, rest.length == 0 ? SPAN("127.0.0.1") : rest);
	return OK;
}

const char *
forward_spec(struct arena *arena, const struct forward_record *record)
{
	bool six = strchr(record->bind, ':') != NULL;

	return arena_format(
	    arena, "%s%s%s:%u:127.0.0.1:%u", six ? "[" : "", record->bind, six ? "]" : "", record->port, record->port);
}

/* Does text hold part? */
static bool
holds(struct span text, struct span part)
{
	for (; text.length >= part.length && part.length > 0; text = span_tail(text, 1))
		if (span_starts(text, part))
			return true;
	return false;
}

bool
forward_is(struct span cmdline, const struct forward_record *record)
{
	struct span name = span_cut(&cmdline, '\0'), word;
	bool ssh, forwards = false, there = false;
	char spec[128];
	struct text text = TEXT_OF(spec);
	size_t slash;

	while (span_find(name, '/', &slash))
		name = span_tail(name, slash + 1);
	ssh = span_is(name, "ssh");
	text_add(&text, ":%u:127.0.0.1:%u", record->port, record->port);
	while (ssh && record->sandbox_id != NULL && cmdline.length > 0) {
		word = span_cut(&cmdline, '\0');
		forwards |= word.length > text.length &&
			    span_equal(span_tail(word, word.length - text.length), text_span(&text));
		there |= holds(word, SPAN("ssh-proxy")) && holds(word, span_of_text(record->sandbox_id));
	}
	return ssh && forwards && there;
}

static const char *
record_path(const struct places *places, const struct forward_record *record, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/forwards/%s-%u.pid", places->user, record->sandbox, record->port);

	return n > 0 && n < PATH_MAX ? path : NULL;
}

static int
by_name(const void *a, const void *b)
{
	const struct forward_record *one = a, *other = b;
	int order = strcmp(one->sandbox, other->sandbox);

	return order != 0 ? order : (int)one->port - (int)other->port;
}

/* One entry of the directory; false when it is no forward. */
static bool
record_load(const struct places *places, struct arena *arena, const char *file, struct forward_record *out)
{
	char path[PATH_MAX];
	struct span name, text;

	if (!forward_name_read(span_of_text(file), &name, &out->port) ||
	    (out->sandbox = arena_text(arena, name)) == NULL || record_path(places, out, path) == NULL)
		return false;
	return file_read(path, arena, &text, NULL) == OK && forward_record_read(text, arena, out, NULL) == OK &&
	       out->bind != NULL;
}

enum err
forward_list(
    const struct places *places, struct arena *arena, struct forward_record **out, size_t *count, struct why *why)
{
	const char *directory = arena_format(arena, "%s/forwards", places->user);
	struct dirent *entry;
	DIR *dir;

	*count = 0;
	if (directory == NULL || (*out = arena_array(arena, FORWARDS_MAX, sizeof(**out))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((dir = opendir(directory)) == NULL)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "%s", directory);
	while (*count < FORWARDS_MAX && (entry = readdir(dir)) != NULL)
		if (record_load(places, arena, entry->d_name, *out + *count))
			(*count)++;
	closedir(dir);
	qsort(*out, *count, sizeof(**out), by_name);
	return OK;
}

enum err
forward_store(const struct places *places, const struct forward_record *record, struct why *why)
{
	char path[PATH_MAX], line[512];
	struct text text = TEXT_OF(line);

	if (record_path(places, record, path) == NULL)
		return fail(why, ERR_RANGE, "the path of the forward's file is too long");
	text_add(&text, "%ld\t%s\t%s\n", (long)record->pid, record->sandbox_id, record->bind);
	return file_write(path, 0600, text_span(&text), why);
}

void
forward_forget(const struct places *places, const struct forward_record *record)
{
	char path[PATH_MAX];

	if (record_path(places, record, path) != NULL)
		unlink(path);
}

/* A descriptor of its process, if that is this forward; -1. */
static int
record_open(const struct forward_record *record)
{
	auto_fd int process = (int)syscall(SYS_pidfd_open, record->pid, 0);
	auto_fd int file = -1;
	auto_free char *words = malloc(CMDLINE_MAX);
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)record->pid);
	if (process < 0 || words == NULL || (file = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	n = read(file, words, CMDLINE_MAX);
	return n > 0 && forward_is((struct span){words, (size_t)n}, record) ? fd_take(&process) : -1;
}

bool
forward_runs(const struct forward_record *record)
{
	auto_fd int process = record_open(record);

	return process >= 0;
}

bool
forward_end(const struct places *places, const struct forward_record *record)
{
	auto_fd int process = record_open(record);
	struct pollfd poll_fd = {.fd = process, .events = POLLIN};
	bool running = process >= 0;

	if (running && syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0) == 0 &&
	    poll(&poll_fd, 1, END_MS) == 0 && syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0)
		poll(&poll_fd, 1, END_MS);
	forward_forget(places, record);
	return running;
}

size_t
forward_end_all(const struct places *places, struct arena *arena, const char *sandbox, const char *sandbox_id)
{
	struct forward_record *list;
	size_t count, ended = 0;

	if (sandbox_id == NULL || forward_list(places, arena, &list, &count, NULL) != OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].sandbox, sandbox) == 0 && list[i].sandbox_id != NULL &&
		    strcmp(list[i].sandbox_id, sandbox_id) == 0)
			ended += forward_end(places, &list[i]);
	return ended;
}
