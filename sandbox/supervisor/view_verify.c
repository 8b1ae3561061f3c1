/* The look at the view once it stands: every line of /proc/self/mountinfo (proc_pid_mountinfo(5)) is accounted for. */
#include "sandbox/supervisor/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"

#define MOUNTINFO_MAX_BYTES (1u << 20)

/* Mounts of the sandbox's own that may be written. */
static const char *const writable[] = {"/tmp", "/sandbox", "/proc", "/dev/pts", "/dev/shm"};

static bool
flag(struct span options, const char *name)
{
	while (options.length > 0)
		if (span_is(span_cut(&options, ','), name))
			return true;
	return false;
}

static bool
is_device(struct span point)
{
	return span_starts(point, SPAN("/dev/")) && !span_is(point, "/dev/shm");
}

static bool
may_write(const struct places *places, struct span point)
{
	char path[4097];

	if (!span_copy(point, path, sizeof(path)))
		return false;
	for (size_t i = 0; i < COUNT(writable); i++)
		if (strcmp(path, writable[i]) == 0)
			return true;
	for (size_t i = places->n; i-- > 0;) {
		const struct place *place = &places->items[i];

		if (place->kind == PLACE_PRIVATE && strcmp(path, place->base) == 0)
			return true;
		/* the nearest place above decides; what a parent shares is shared with all that is mounted there */
		if (place->kind == PLACE_SHARED && path_within(path, place->path))
			return place->write;
	}
	return false;
}

/* Mount points carry \040 and the like; a policy path with such bytes reads as one that may not be written. */
static enum err
check_line(const struct places *places, struct span line, struct why *why)
{
	struct span point = SPAN_NONE, options;

	for (int i = 0; i < 5; i++)
		point = span_cut(&line, ' ');
	options = span_cut(&line, ' ');
	if (!flag(options, "nosuid"))
		return fail(why, ERR_STATE, "%.*s is not nosuid", SPAN_ARGS(point));
	if (!flag(options, "nodev") && !is_device(point) && !span_is(point, "/dev"))
		return fail(why, ERR_STATE, "%.*s is not nodev", SPAN_ARGS(point));
	if (!flag(options, "ro") && !is_device(point) && !may_write(places, point))
		return fail(why, ERR_STATE, "%.*s can be written", SPAN_ARGS(point));
	return OK;
}

static char *
read_all(const char *path, size_t *length)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(MOUNTINFO_MAX_BYTES);
	ssize_t n;

	*length = 0;
	while (fd >= 0 && text != NULL && *length < MOUNTINFO_MAX_BYTES &&
	       (n = read(fd, text + *length, MOUNTINFO_MAX_BYTES - *length)) > 0)
		*length += (size_t)n;
	return text;
}

enum err
view_verify(const struct places *places, struct why *why)
{
	size_t length;
	auto_free char *text = read_all("/proc/self/mountinfo", &length);
	struct span rest = span_of_bytes(text, length);
	enum err r = OK;

	if (text == NULL || length == 0 || length == MOUNTINFO_MAX_BYTES)
		return fail(why, ERR_STATE, "the mounts cannot be listed");
	while (r == OK && rest.length > 0)
		r = check_line(places, span_cut(&rest, '\n'), why);
	return r;
}
