/* Resolving the policy's paths step by step, so that no symbolic link leads out of the root or into a private place. */
#include "sandbox/supervisor/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"

#define SYMLINKS_MAX 40	 /* on one path, as in the kernel */
#define LINKS_MAX    512 /* kept in all */

/* Below these the view has the sandbox's own things. */
static const char *const ours[] = {"/proc", "/dev", "/sandbox"};

/* Of a host: never shared, and empty instead where the policy names them. /tmp is private everywhere. */
static const char *const private_of_host[] = {"/tmp", "/var/tmp", "/var/log"};

/* Of a host: refused. */
static const char *const refused_of_host[] = {"/run", "/var/run", "/home", "/root", "/sys", "/opt/openshell"};

/* What a walk works on. */
struct finder {
	const struct msg_spawner_setup *setup;
	int root_fd;
	struct arena *arena;
	struct places *out;
	const char **never; /* setup's, resolved; then those of a host */
	size_t never_n;
	bool finding_never;
};

/* A path being resolved: what is done, and what is still to go. */
struct walk {
	char done[PATH_MAX], rest[PATH_MAX];
	unsigned symlinks;
};

bool
path_within(const char *path, const char *above)
{
	size_t n = strlen(above);

	if (n == 1)
		return true;
	return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* The first of the list that the path is or is below; NULL when there is none. */
static const char *
within_any(const char *path, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (path_within(path, list[i]))
			return list[i];
	return NULL;
}

static const char *
private_base(const struct finder *finder, const char *path)
{
	return within_any(path, private_of_host, finder->setup->host_root ? COUNT(private_of_host) : 1);
}

static int
open_beneath(int root_fd, const char *path)
{
	struct open_how how = {
	    .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT,
	};

	return (int)syscall(SYS_openat2, root_fd, path[1] == '\0' ? "." : path + 1, &how, sizeof(how));
}

static enum err
keep_link(struct finder *finder, const char *path, const char *target, struct why *why)
{
	struct places *out = finder->out;

	for (size_t i = 0; i < out->links_n; i++)
		if (strcmp(out->links[i].path, path) == 0)
			return OK;
	if (out->links_n == LINKS_MAX)
		return fail(why, ERR_LIMIT, "more than %d symbolic links", LINKS_MAX);
	out->links[out->links_n].path = arena_text(finder->arena, span_of_text(path));
	out->links[out->links_n].target = arena_text(finder->arena, span_of_text(target));
	if (out->links[out->links_n].target == NULL || out->links[out->links_n].path == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	out->links_n++;
	return OK;
}

/* Go through a symbolic link: what it says comes before the rest of the way. */
static enum err
follow(struct finder *finder, struct walk *walk, int fd, const char *at, struct why *why)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n <= 0)
		return fail_errno(why, ERR_SYSTEM, "read link %s", at);
	target[n] = '\0';
	if (++walk->symlinks > SYMLINKS_MAX)
		return fail(why, ERR_INVALID, "more than %d symbolic links on the way", SYMLINKS_MAX);
	if (snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return fail(why, ERR_INVALID, "too long behind symbolic links");
	memcpy(walk->rest, rest, sizeof(rest));
	if (target[0] == '/')
		walk->done[0] = '\0';
	return keep_link(finder, at, target, why);
}

/* Cut the next component off the rest; false when there is none. */
static bool
next_component(struct walk *walk, char part[NAME_MAX + 1])
{
	struct span rest = span_of_text(walk->rest), first = SPAN_NONE;

	while (rest.length > 0 && first.length == 0)
		first = span_cut(&rest, '/');
	if (first.length == 0 || !span_copy(first, part, NAME_MAX + 1))
		return false;
	memmove(walk->rest, rest.length == 0 ? "" : rest.at, rest.length);
	walk->rest[rest.length] = '\0';
	return true;
}

/* Before it is looked at: whether a private place can be read at all is nobody's business. */
static enum err
may_pass(const struct finder *finder, const char *at, struct why *why)
{
	const char *never = finder->finding_never ? NULL : within_any(at, finder->never, finder->never_n);

	if (never != NULL)
		return fail(why, ERR_INVALID, "%s is private to the host and cannot be shared with a sandbox", never);
	return OK;
}

/* One component further. *fd is what is there, or -1 where nothing is looked up (a place of the sandbox's own). */
static enum err
step(struct finder *finder, struct walk *walk, const char *part, int *fd, struct why *why)
{
	char at[PATH_MAX];
	struct stat st;
	enum err r;

	if (strcmp(part, ".") == 0)
		return OK;
	if (strcmp(part, "..") == 0) {
		char *slash = strrchr(walk->done, '/');

		if (slash != NULL)
			*slash = '\0';
		return OK;
	}
	if (snprintf(at, sizeof(at), "%s/%s", walk->done, part) >= (int)sizeof(at))
		return fail(why, ERR_INVALID, "too long");
	if (within_any(at, ours, COUNT(ours)) != NULL || private_base(finder, at) != NULL) {
		memcpy(walk->done, at, sizeof(at));
		return OK;
	}
	if ((r = may_pass(finder, at, why)) != OK)
		return r;
	clean_fd(fd);
	if ((*fd = open_beneath(finder->root_fd, at)) < 0)
		return fail_errno(why, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_SYSTEM, "%s", at);
	if (fstat(*fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", at);
	if (S_ISLNK(st.st_mode))
		return follow(finder, walk, *fd, at, why);
	memcpy(walk->done, at, sizeof(at));
	return OK;
}

/* Resolve a path: its form without symbolic links into walk->done ("" is the root). */
static enum err
resolve(struct finder *finder, const char *path, struct walk *walk, struct why *why)
{
	char part[NAME_MAX + 1];
	auto_fd int fd = -1;
	enum err r = OK;

	*walk = (struct walk){0};
	if (snprintf(walk->rest, sizeof(walk->rest), "%s", path) >= (int)sizeof(walk->rest))
		return fail(why, ERR_INVALID, "too long");
	while (r == OK && next_component(walk, part))
		r = step(finder, walk, part, &fd, why);
	if (r == OK && walk->done[0] == '\0')
		strncpy(walk->done, "/", 2);
	return r;
}

/* ---- what may be shared ---- */

static enum err
may_share(const struct finder *finder, const struct place *place, struct why *why)
{
	struct stat st;

	if (!finder->setup->host_root)
		return OK;
	if (place->path[1] == '\0')
		return fail(why, ERR_INVALID, "the whole host cannot be shared with a sandbox: list the directories");
	if (fstat(place->fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "stat");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(why, ERR_INVALID, "a socket, FIFO or device of the host cannot be shared with a sandbox");
	return OK;
}

/* Devices that every sandbox has; others come from a container's own /dev, if its driver put them there. */
static enum err
find_device(const struct finder *finder, struct place *place, struct why *why)
{
	static const char *const nodes[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	    "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"};
	struct stat st;

	if (place->path[4] == '\0' || within_any(place->path, nodes, COUNT(nodes)) != NULL)
		return OK;
	if (finder->setup->host_root)
		return fail(why, ERR_INVALID, "a device of the host cannot be shared with a sandbox");
	if ((place->fd = open_beneath(finder->root_fd, place->path)) < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s", place->path);
	if (fstat(place->fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(why, ERR_INVALID, "not a character device");
	place->kind = PLACE_SHARED;
	place->device = true;
	return OK;
}

static enum err
classify(struct finder *finder, struct place *place, struct why *why)
{
	struct walk walk;
	enum err r;

	if ((r = resolve(finder, place->asked, &walk, why)) != OK)
		return r;
	if ((place->path = arena_text(finder->arena, span_of_text(walk.done))) == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	place->kind = PLACE_OURS;
	if (path_within(place->path, "/dev"))
		return find_device(finder, place, why);
	if (within_any(place->path, ours, COUNT(ours)) != NULL)
		return OK;
	place->kind = PLACE_PRIVATE;
	if ((place->base = private_base(finder, place->path)) != NULL)
		return OK;
	place->kind = PLACE_SHARED;
	if ((place->fd = open_beneath(finder->root_fd, place->path)) < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s", place->path);
	return may_share(finder, place, why);
}

static enum err
find_list(struct finder *finder, const struct span *list, size_t n, bool write, struct why *why)
{
	for (size_t i = 0; i < n; i++) {
		struct place place = {.write = write, .fd = -1};
		enum err r;

		if ((place.asked = arena_text(finder->arena, list[i])) == NULL)
			return fail(why, ERR_LIMIT, "too many paths");
		r = classify(finder, &place, why);
		if (r != OK && r != ERR_INVALID && r != ERR_LIMIT && !finder->setup->hard_requirement) {
			clean_fd(&place.fd);
			place.kind = PLACE_MISSING;
			r = OK;
		}
		if (place.path == NULL)
			place.path = place.asked;
		finder->out->items[finder->out->n++] = place;
		if (r != OK)
			return because(why, r, "filesystem path %s", place.asked);
	}
	return OK;
}

/* ---- links at the top, private places, order ---- */

/* /bin -> usr/bin and the like: programs name their interpreters through them. */
static enum err
find_top_links(struct finder *finder, struct why *why)
{
	int fd = openat(finder->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum err r = OK;

	if (dir == NULL) {
		clean_fd(&fd);
		return fail_errno(why, ERR_SYSTEM, "read the root");
	}
	while (r == OK && (entry = readdir(dir)) != NULL) {
		char path[NAME_MAX + 2];
		struct why unused;
		struct walk walk;

		if (entry->d_type != DT_LNK || snprintf(path, sizeof(path), "/%s", entry->d_name) < 0)
			continue;
		if (resolve(finder, path, &walk, &unused) == ERR_LIMIT)
			r = fail(why, ERR_LIMIT, "more than %d symbolic links", LINKS_MAX);
	}
	closedir(dir);
	return r;
}

static enum err
add_never(struct finder *finder, const char *path, struct why *why)
{
	struct why unused;
	struct walk walk;

	/* What is not there has no other name; its own is kept all the same. */
	if (resolve(finder, path, &walk, &unused) == OK && walk.done[1] != '\0' &&
	    (finder->never[finder->never_n++] = arena_text(finder->arena, span_of_text(walk.done))) == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	finder->never[finder->never_n++] = path;
	return OK;
}

static enum err
find_never(struct finder *finder, struct why *why)
{
	const struct msg_spawner_setup *setup = finder->setup;
	size_t host_n = setup->host_root ? COUNT(refused_of_host) : 0;
	const char *path;
	enum err r = OK;

	finder->never = arena_array(finder->arena, 2 * (setup->never_n + host_n) + 1, sizeof(*finder->never));
	if (finder->never == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	finder->finding_never = true;
	for (size_t i = 0; r == OK && i < setup->never_n; i++) {
		if ((path = arena_text(finder->arena, setup->never[i])) == NULL || path[0] != '/' || path[1] == '\0')
			return fail(why, ERR_INVALID, "a path never to be shared is not absolute");
		r = add_never(finder, path, why);
	}
	for (size_t i = 0; r == OK && i < host_n; i++)
		r = add_never(finder, refused_of_host[i], why);
	finder->finding_never = false;
	finder->out->links_n = 0; /* links on the way to these are nobody's business */
	return r;
}

/* ---- what an earlier start may have prepared ---- */

/* The writable place of the host that a path lies below; NULL when there is none. */
static const char *
writable_above(const struct places *places, const char *path)
{
	for (size_t i = 0; i < places->n; i++) {
		const struct place *place = &places->items[i];

		if (place->write && place->kind == PLACE_SHARED && strcmp(place->path, path) != 0 &&
		    path_within(path, place->path))
			return place->path;
	}
	return NULL;
}

/* What the agent may write it may have changed: a link of its making would share whatever it leads to at the next start. */
static enum err
links_trusted(const struct finder *finder, struct why *why)
{
	const struct places *out = finder->out;
	const char *above;

	for (size_t i = 0; finder->setup->host_root && i < out->links_n; i++)
		if ((above = writable_above(out, out->links[i].path)) != NULL)
			return fail(why, ERR_INVALID,
			    "filesystem path: %s is a symbolic link below %s, which may be written: "
			    "list what it points to",
			    out->links[i].path, above);
	return OK;
}

/* ... and a directory above a private place could be renamed, so that nothing covers it at the next start. */
static enum err
private_kept(const struct finder *finder, const char *path, struct why *why)
{
	const char *above = finder->setup->host_root ? writable_above(finder->out, path) : NULL;

	if (above == NULL || faccessat(finder->root_fd, path + 1, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return OK;
	return fail(why, ERR_INVALID,
	    "filesystem path %s: it cannot be written, for %s below it is private to the host", above, path);
}

/* What lies below something shared and must not be seen: covered in the view. */
static void
hide_below(struct finder *finder, const char *path)
{
	struct places *out = finder->out;
	auto_fd int fd = -1;

	for (size_t i = 0; i < out->n; i++)
		if (out->items[i].kind == PLACE_SHARED && !out->items[i].device &&
		    path_within(path, out->items[i].path) && (fd = open_beneath(finder->root_fd, path)) >= 0) {
			out->hidden[out->hidden_n++] = path;
			return;
		}
}

static enum err
find_hidden(struct finder *finder, struct why *why)
{
	size_t host_n = finder->setup->host_root ? COUNT(private_of_host) : 0;

	finder->out->hidden = arena_array(finder->arena, finder->never_n + host_n + 1, sizeof(char *));
	if (finder->out->hidden == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	for (size_t i = 0; i < finder->never_n; i++) {
		enum err r = private_kept(finder, finder->never[i], why);

		if (r != OK)
			return r;
		hide_below(finder, finder->never[i]);
	}
	for (size_t i = 0; i < host_n; i++)
		hide_below(finder, private_of_host[i]);
	return OK;
}

/* By path; of two of one path the narrower first. */
static int
compare(const void *a, const void *b)
{
	const struct place *one = a, *two = b;
	int order = strcmp(one->path, two->path);

	return order != 0 ? order : (int)one->write - (int)two->write;
}

/* Two names of one place count once, as the narrower; a shared place that its parent shares alike needs no mount. */
static void
sort_out(struct places *places)
{
	size_t n = 0;

	qsort(places->items, places->n, sizeof(*places->items), compare);
	for (size_t i = 0; i < places->n; i++) {
		struct place *place = &places->items[i];

		if (n > 0 && strcmp(places->items[n - 1].path, place->path) == 0)
			clean_fd(&place->fd);
		else
			places->items[n++] = *place;
	}
	places->n = n;
}

enum err
places_find(
    const struct msg_spawner_setup *setup, int root_fd, struct arena *arena, struct places *out, struct why *why)
{
	struct finder finder = {.setup = setup, .root_fd = root_fd, .arena = arena, .out = out};
	enum err r;

	*out = (struct places){0};
	out->items = arena_array(arena, setup->read_only_n + setup->read_write_n + 1, sizeof(*out->items));
	out->links = arena_array(arena, LINKS_MAX, sizeof(*out->links));
	if (out->items == NULL || out->links == NULL)
		return fail(why, ERR_LIMIT, "too many paths");
	if ((r = find_never(&finder, why)) != OK ||
	    (r = find_list(&finder, setup->read_only, setup->read_only_n, false, why)) != OK ||
	    (r = find_list(&finder, setup->read_write, setup->read_write_n, true, why)) != OK ||
	    (r = find_top_links(&finder, why)) != OK || (r = links_trusted(&finder, why)) != OK)
		return r;
	sort_out(out);
	return find_hidden(&finder, why);
}

void
places_done(struct places *places)
{
	for (size_t i = 0; i < places->n; i++)
		clean_fd(&places->items[i].fd);
}

const struct place *
places_shared_at(const struct places *places, const char *path)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < places->n; i++)
		if (places->items[i].kind == PLACE_SHARED && path_within(path, places->items[i].path))
			found = &places->items[i]; /* sorted: the nearest is the last */
	return found;
}
