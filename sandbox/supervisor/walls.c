/* Reports of walls, kept by name. */
#include "sandbox/supervisor/walls.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"

#define NAME_MAX_BYTES 32

static const char *const required[] = {
    "user_namespace",
    "pid_namespace",
    "ipc_namespace",
    "uts_namespace",
    "network",
    "capabilities",
    "no_new_privs",
    "seccomp",
};

static char *
find(const struct walls *walls, struct span name)
{
	for (size_t i = 0; i < walls->n; i++) {
		const char *text = walls->text[i];

		if (strncmp(text, name.at, name.length) == 0 && text[name.length] == '=')
			return (char *)text;
	}
	return NULL;
}

/* Begin a report: "NAME=STATE"; where its words go, or NULL when there is no room for one more. */
static char *
begin(struct walls *walls, const char *name, const char *state)
{
	char *text = find(walls, span_of_text(name));
	int n;

	if (text == NULL && walls->n == WALLS_MAX)
		return NULL;
	if (text == NULL)
		text = walls->text[walls->n++];
	n = snprintf(text, WALL_TEXT_BYTES, "%s=%s", name, state);
	return text + n;
}

/* Names and states are literals, far shorter than half of a report. */
#define PUT(walls, name, state, format)                                                                                \
	do {                                                                                                           \
		char *at_ = begin(walls, name, state);                                                                 \
		va_list values_;                                                                                       \
                                                                                                                       \
		va_start(values_, format);                                                                             \
		if (at_ != NULL)                                                                                       \
			vsnprintf(at_, WALL_TEXT_BYTES / 2, format, values_);                                          \
		va_end(values_);                                                                                       \
	} while (0)

void
wall_partial(struct walls *walls, const char *name, const char *format, ...)
{
	PUT(walls, name, "partial: ", format);
}

void
wall_absent(struct walls *walls, const char *name, const char *format, ...)
{
	PUT(walls, name, "absent: ", format);
}

void
wall_enforced(struct walls *walls, const char *name)
{
	begin(walls, name, "enforced");
}

void
wall_check(struct walls *walls, const char *name, bool ok, const struct why *why)
{
	if (ok)
		wall_enforced(walls, name);
	else
		wall_absent(walls, name, "%s", why->text);
}

void
walls_add(struct walls *walls, const struct span *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct span value = reports[i], name = span_cut(&value, '=');
		char *text = find(walls, name);

		if (name.length == 0 || name.length > NAME_MAX_BYTES || value.length == 0 ||
		    reports[i].length >= WALL_TEXT_BYTES || (text == NULL && walls->n == WALLS_MAX))
			continue;
		if (text == NULL)
			text = walls->text[walls->n++];
		if (!span_copy(reports[i], text, WALL_TEXT_BYTES))
			wall_absent(walls, "report", "unreadable");
	}
}

struct span *
walls_spans(const struct walls *walls, struct arena *arena)
{
	struct span *spans = arena_array(arena, walls->n, sizeof(*spans));

	for (size_t i = 0; spans != NULL && i < walls->n; i++)
		spans[i] = span_of_text(walls->text[i]);
	return spans;
}

bool
wall_stands(const struct walls *walls, const char *name)
{
	const char *text = find(walls, span_of_text(name));

	return text != NULL && strcmp(text + strlen(name), "=enforced") == 0;
}

static enum err
missing(const struct walls *walls, const char *name, struct why *why)
{
	const char *text = find(walls, span_of_text(name));

	return fail(why, ERR_STATE, "a required wall does not stand: %s", text == NULL ? name : text);
}

enum err
walls_required(const struct walls *walls, bool hard, struct why *why)
{
	for (size_t i = 0; i < COUNT(required); i++)
		if (!wall_stands(walls, required[i]))
			return missing(walls, required[i], why);
	if (hard && !wall_stands(walls, "landlock"))
		return missing(walls, "landlock", why);
	if (!wall_stands(walls, "mount_view") && !wall_stands(walls, "landlock"))
		return missing(walls, "mount_view", why);
	return OK;
}
