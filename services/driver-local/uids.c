/* Uid ranges as symbolic links: one system call takes a number and says for whom, and two can never take the same. */
#include "services/driver-local/uids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"

static void
number_text(uint32_t number, char to[16])
{
	snprintf(to, 16, "%u", number);
}

static void
entry_read(struct uids *uids, const char *name)
{
	char target[ID_TEXT_BYTES];
	uint64_t number;
	ssize_t n;

	if (number_parse(span_of_text(name), 0, UINT32_MAX, &number, NULL) != OK || number >= uids->count)
		return;
	if ((n = readlinkat(uids->dir, name, target, sizeof(target))) > 0 &&
	    id_parse(span_of_bytes(target, (size_t)n), &uids->owner[number], NULL) == OK)
		return;
	unlinkat(uids->dir, name, 0); /* not one of ours */
}

enum err
uids_open(struct uids *out, int dir, uint32_t count, struct why *why)
{
	auto_fd int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *at;

	*out = (struct uids){.dir = dir, .count = count, .owner = calloc(count, sizeof(*out->owner))};
	if (out->owner == NULL)
		abort();
	if (again < 0 || (at = fdopendir(again)) == NULL)
		return fail_errno(why, ERR_SYSTEM, "uid ranges");
	fd_take(&again);
	while ((entry = readdir(at)) != NULL)
		entry_read(out, entry->d_name);
	closedir(at);
	return OK;
}

void
uids_close(struct uids *uids)
{
	if (uids->owner == NULL)
		return;
	close(uids->dir);
	free(uids->owner);
	uids->owner = NULL;
}

static bool
number_find(const struct uids *uids, struct id owner, uint32_t *out)
{
	for (uint32_t i = 0; i < uids->count; i++)
		if (id_equal(uids->owner[i], owner)) {
			*out = i;
			return true;
		}
	return false;
}

enum err
uids_take(struct uids *uids, struct id sandbox, uint32_t *out, struct why *why)
{
	char name[16];

	if (number_find(uids, sandbox, out))
		return OK;
	if (!number_find(uids, (struct id){{0}}, out))
		return fail(why, ERR_LIMIT, "all %u uid ranges are taken", uids->count);
	number_text(*out, name);
	if (symlinkat(id_text(sandbox), uids->dir, name) < 0)
		return fail_errno(why, ERR_SYSTEM, "take uid range %u", *out);
	uids->owner[*out] = sandbox;
	return OK;
}

void
uids_give(struct uids *uids, struct id sandbox)
{
	uint32_t number;
	char name[16];

	if (!number_find(uids, sandbox, &number))
		return;
	number_text(number, name);
	unlinkat(uids->dir, name, 0);
	uids->owner[number] = (struct id){{0}};
}

void
uids_collect(struct uids *uids, bool (*keep)(void *self, struct id sandbox), void *self)
{
	for (uint32_t i = 0; i < uids->count; i++)
		if (!id_none(uids->owner[i]) && !keep(self, uids->owner[i]))
			uids_give(uids, uids->owner[i]);
}
