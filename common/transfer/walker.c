/* Walking: one open directory a level, its names read at once and sorted. */
#include "common/transfer/walker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clean.h"
#include "common/base/text.h"

#define NAMES_MAX_BYTES (256u << 20) /* of one directory */
#define NAMES_FIRST	64

struct level {
	int fd;
	struct arena arena; /* the names */
	char **names;
	size_t n, at, room;
	size_t path_length; /* of this directory in the walker's path */
	struct stat st;
};

struct walker {
	struct walker_config config;
	struct level levels[RELATIVE_MAX_DEPTH + 1];
	size_t depth;	     /* levels in use */
	bool begun, leaving; /* leaving: the topmost level is told as complete, and goes at the next step */
	char path[RELATIVE_MAX_BYTES + 1];
	size_t path_length;
};

struct walker *
walker_new(const struct walker_config *config)
{
	struct walker *walker = calloc(1, sizeof(*walker));

	if (walker == NULL)
		abort();
	walker->config = *config;
	return walker;
}

static void
level_leave(struct walker *walker)
{
	struct level *level = &walker->levels[--walker->depth];

	if (walker->depth > 0)
		clean_fd(&level->fd);
	free(level->names);
	arena_reset(&level->arena);
}

void
walker_free(struct walker *walker)
{
	if (walker == NULL)
		return;
	while (walker->depth > 0)
		level_leave(walker);
	free(walker);
}

/* ---- the names of a directory ---- */

static enum err
name_add(struct level *level, const char *name, struct why *why)
{
	if (level->n == level->room) {
		level->room = level->room == 0 ? NAMES_FIRST : level->room * 2;
		if ((level->names = reallocarray(level->names, level->room, sizeof(*level->names))) == NULL)
			abort();
	}
	if ((level->names[level->n++] = arena_text(&level->arena, span_of_text(name))) == NULL)
		return fail(why, ERR_LIMIT, "a directory with too many entries");
	return OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err
names_read(struct level *level, struct why *why)
{
	int fd = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum err r = OK;

	if (dir == NULL) {
		clean_fd(&fd);
		return fail_errno(why, errno == EACCES ? ERR_DENIED : ERR_SYSTEM, "read a directory");
	}
	while (r == OK && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strncmp(entry->d_name, RELATIVE_PART, sizeof(RELATIVE_PART) - 1) != 0)
			r = name_add(level, entry->d_name, why);
	if (r == OK && errno != 0)
		r = fail_errno(why, ERR_SYSTEM, "read a directory");
	closedir(dir);
	if (level->n > 0)
		qsort(level->names, level->n, sizeof(*level->names), by_name);
	return r;
}

static enum err
level_enter(struct walker *walker, int fd, const struct stat *st, bool all, struct why *why)
{
	struct level *level = &walker->levels[walker->depth++];

	*level =
	    (struct level){.fd = fd, .arena.max_bytes = NAMES_MAX_BYTES, .path_length = walker->path_length, .st = *st};
	return all ? names_read(level, why) : name_add(level, walker->config.only, why);
}

/* ---- steps ---- */

static enum err
path_fail(const struct walker *walker, enum err r, struct why *why)
{
	char shown[300];
	struct text text = TEXT_OF(shown);

	text_add_escaped(&text, span_of_bytes(walker->path, walker->path_length));
	return because(why, r, "%s", shown);
}

static enum err
path_push(struct walker *walker, size_t length, const char *name, struct why *why)
{
	size_t n = strlen(name), slash = length > 0;

	walker->path_length = length;
	if (length + slash + n > RELATIVE_MAX_BYTES)
		return path_fail(
		    walker, fail(why, ERR_INVALID, "an entry's path is longer than %d bytes", RELATIVE_MAX_BYTES), why);
	if (slash > 0)
		walker->path[length] = '/';
	memcpy(walker->path + length + slash, name, n + 1);
	walker->path_length = length + slash + n;
	return OK;
}

static enum err
directory_enter(struct walker *walker, int parent, const char *name, struct why *why)
{
	auto_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (walker->depth > RELATIVE_MAX_DEPTH - 1)
		return fail(why, ERR_INVALID, "more than %d directories deep", RELATIVE_MAX_DEPTH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, errno == EACCES ? ERR_DENIED : ERR_SYSTEM, "read a directory");
	return level_enter(walker, fd_take(&fd), &st, true, why);
}

static enum parcel_kind
kind_of(mode_t mode)
{
	return S_ISREG(mode) ? PARCEL_FILE : S_ISLNK(mode) ? PARCEL_LINK : S_ISDIR(mode) ? PARCEL_DIRECTORY : 0;
}

static bool
wanted(const struct walker *walker, bool directory)
{
	return walker->config.wanted == NULL ||
	       walker->config.wanted(walker->config.self, span_of_bytes(walker->path, walker->path_length), directory);
}

/* Where the path stands to where the walk is to begin. */
enum turn { TURN_TELL, TURN_SKIP, TURN_ENTER };

static enum turn
turn_of(const struct walker *walker, enum parcel_kind kind)
{
	struct span path = span_of_bytes(walker->path, walker->path_length), after = walker->config.after;

	if (after.length == 0 || relative_order(path, after) > 0)
		return TURN_TELL;
	return kind == PARCEL_DIRECTORY && relative_within(after, path) ? TURN_ENTER : TURN_SKIP;
}

/* One name of a level. out->kind stays 0 where there is nothing to tell of it. */
static enum err
name_visit(struct walker *walker, struct level *level, struct walked *out, struct why *why)
{
	const char *name = level->names[level->at++];
	enum parcel_kind kind;
	enum turn turn;
	enum err r;

	if ((r = path_push(walker, level->path_length, name, why)) != OK)
		return r;
	if (fstatat(level->fd, name, &out->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? OK : path_fail(walker, fail_errno(why, ERR_SYSTEM, "look at it"), why);
	kind = kind_of(out->st.st_mode);
	if (!wanted(walker, kind == PARCEL_DIRECTORY) || (turn = turn_of(walker, kind)) == TURN_SKIP)
		return OK;
	if (kind == 0)
		return path_fail(walker, fail(why, ERR_INVALID, "not a file, directory or symbolic link"), why);
	if (kind == PARCEL_DIRECTORY && (r = directory_enter(walker, level->fd, name, why)) != OK)
		return path_fail(walker, r, why);
	if (turn == TURN_ENTER)
		return OK;
	*out = (struct walked){.kind = kind,
	    .path = span_of_bytes(walker->path, walker->path_length),
	    .name = name,
	    .directory = level->fd,
	    .st = out->st};
	return OK;
}

/* All of a level was visited. The root itself is not told. */
static void
level_complete(struct walker *walker, struct walked *out)
{
	struct level *level = &walker->levels[walker->depth - 1];

	if (walker->depth > 1) {
		walker->path_length = level->path_length;
		walker->path[walker->path_length] = '\0';
		*out = (struct walked){.kind = PARCEL_COMPLETE,
		    .path = span_of_bytes(walker->path, walker->path_length),
		    .directory = level->fd,
		    .st = level->st};
	}
	walker->leaving = true;
}

enum err
walker_next(struct walker *walker, struct walked *out, struct why *why)
{
	enum err r = OK;

	*out = (struct walked){0};
	if (!walker->begun) {
		walker->begun = true;
		r = level_enter(walker, walker->config.root, &out->st, walker->config.only == NULL, why);
	}
	while (r == OK && out->kind == 0) {
		struct level *level;

		if (walker->leaving) {
			walker->leaving = false;
			level_leave(walker);
		}
		if (walker->depth == 0)
			return OK;
		level = &walker->levels[walker->depth - 1];
		if (level->at < level->n)
			r = name_visit(walker, level, out, why);
		else
			level_complete(walker, out);
	}
	return r;
}
