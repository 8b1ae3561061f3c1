/* Progress of a rotation: the line that credentials writes, read. */
#include "services/gateway/progress.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"
#include "services/gateway/file.h"

static const char *const progress_name = "keys/rotation";

/* "key=" at the beginning of what is left, and its value. */
static bool
word_take(struct span *rest, const char *key, struct span *value)
{
	struct span word = span_cut(rest, ' ');

	if (!span_starts(word, span_of_text(key)))
		return false;
	*value = span_tail(word, strlen(key));
	return true;
}

enum err
rotation_parse(struct span line, struct rotation *out, struct why *why)
{
	struct span rest = span_cut(&line, '\n'), newest, old, quiet, claims;
	struct rotation rotation;
	enum err r;

	if (!word_take(&rest, "newest=", &newest) || !word_take(&rest, "old=", &old) ||
	    !word_take(&rest, "quiet_ms=", &quiet) || !word_take(&rest, "claims=", &claims) ||
	    !hex_read(newest, rotation.newest, sizeof(rotation.newest)))
		return fail(why, ERR_SYNTAX, "not the progress of a rotation");
	if ((r = number_parse(old, 0, UINT64_MAX, &rotation.old, why)) != OK ||
	    (r = number_parse(quiet, 0, UINT64_MAX, &rotation.quiet_ms, why)) != OK ||
	    (r = number_parse(claims, 0, UINT64_MAX, &rotation.claims, why)) != OK)
		return fail(why, ERR_SYNTAX, "not the progress of a rotation");
	*out = rotation;
	return OK;
}

enum err
rotation_look(const struct config *config, struct rotation *out, struct why *why)
{
	char line[160];
	size_t length;
	enum err r;

	if ((r = file_read(data_path(config, progress_name), line, sizeof(line), &length, why)) != OK)
		return r;
	return rotation_parse(span_of_bytes(line, length), out, why);
}

enum err
rotation_forget(const struct config *config, struct why *why)
{
	if (truncate(data_path(config, progress_name), 0) < 0 && errno != ENOENT)
		return fail_errno(why, ERR_SYSTEM, "%s", data_path(config, progress_name));
	return OK;
}
