/* The gateways a client knows: choosing one, and the files that hold the choice. */
#include "clients/sdk/gateway.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sdk/metadata.h"
#include "common/base/clean.h"
#include "common/os/remove.h"

#define GATEWAYS_MAX 1024

const char *
gateway_file(const struct places *places, const char *name, const char *file, struct arena *arena)
{
	return arena_format(arena, "%s/gateways/%s/%s", places->user, name, file);
}

/* Read metadata.json of one directory; ERR_NOT_FOUND. */
static enum err
load_from(const char *base, const char *name, bool system, struct arena *arena, struct gateway *out, struct why *why)
{
	const char *path = arena_format(arena, "%s/gateways/%s/metadata.json", base, name);
	struct gateway gateway = {.system = system, .stored = true};
	struct span text;
	enum err r;

	if (path == NULL)
		return fail(why, ERR_LIMIT, "too many gateways");
	if ((r = file_read(path, arena, &text, why)) != OK)
		return r;
	if ((r = metadata_read(text, arena, &gateway, why)) != OK)
		return because(why, r, "%s", path);
	if ((gateway.name = arena_text(arena, span_of_text(name))) == NULL)
		return fail(why, ERR_LIMIT, "too many gateways");
	*out = gateway;
	return OK;
}

enum err
gateway_load(const struct places *places, const char *name, struct arena *arena, struct gateway *out, struct why *why)
{
	enum err r;

	if ((r = gateway_name_check(span_of_text(name), why)) != OK)
		return r;
	if ((r = load_from(places->user, name, false, arena, out, why)) == ERR_NOT_FOUND)
		r = load_from(places->system, name, true, arena, out, why);
	return r == ERR_NOT_FOUND ? fail(why, r, "no gateway is named %s", name) : r;
}

static int
by_name(const void *a, const void *b)
{
	const struct gateway *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Add what one directory has and list does not yet. */
static void
list_from(const char *base, bool system, struct arena *arena, struct gateway *list, size_t *count)
{
	const char *path = arena_format(arena, "%s/gateways", base);
	DIR *directory = path == NULL ? NULL : opendir(path);
	const struct dirent *entry;
	size_t users = *count;

	while (directory != NULL && *count < GATEWAYS_MAX && (entry = readdir(directory)) != NULL) {
		bool hidden = entry->d_name[0] == '.';

		for (size_t i = 0; i < users && !hidden; i++)
			hidden = strcmp(list[i].name, entry->d_name) == 0;
		if (!hidden && load_from(base, entry->d_name, system, arena, &list[*count], NULL) == OK)
			(*count)++;
	}
	if (directory != NULL)
		closedir(directory);
}

enum err
gateway_list(const struct places *places, struct arena *arena, struct gateway **out, size_t *count, struct why *why)
{
	struct gateway *list = arena_array(arena, GATEWAYS_MAX, sizeof(*list));

	if (list == NULL)
		return fail(why, ERR_LIMIT, "too many gateways");
	*count = 0;
	list_from(places->user, false, arena, list, count);
	list_from(places->system, true, arena, list, count);
	qsort(list, *count, sizeof(*list), by_name);
	*out = list;
	return OK;
}

/* The one line of a file, without the space around it. */
static struct span
trim(struct span text)
{
	while (text.length > 0 && strchr(" \t\r\n", text.at[0]) != NULL)
		text = span_tail(text, 1);
	while (text.length > 0 && strchr(" \t\r\n", text.at[text.length - 1]) != NULL)
		text.length--;
	return text;
}

enum err
gateway_active(const struct places *places, struct arena *arena, const char **out, struct why *why)
{
	const char *const bases[] = {places->user, places->system};

	for (size_t i = 0; i < COUNT(bases); i++) {
		const char *path = arena_format(arena, "%s/active_gateway", bases[i]);
		struct span text;
		enum err r;

		if (path == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		if ((r = file_read(path, arena, &text, why)) == ERR_NOT_FOUND)
			continue;
		if (r != OK)
			return r;
		text = trim(text);
		if (text.length == 0)
			continue;
		if ((r = gateway_name_check(text, why)) != OK)
			return because(why, r, "%s", path);
		*out = arena_text(arena, text);
		return *out == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
	}
	return fail(why, ERR_NOT_FOUND, "no gateway is active");
}

/* The stored gateway with this endpoint, the active one first; false when there is none. */
static bool
find_endpoint(const struct places *places, const char *endpoint, struct arena *arena, struct gateway *out)
{
	struct gateway *list;
	const char *active;
	size_t count;

	if (gateway_active(places, arena, &active, NULL) == OK &&
	    gateway_load(places, active, arena, out, NULL) == OK && strcmp(out->endpoint, endpoint) == 0)
		return true;
	if (gateway_list(places, arena, &list, &count, NULL) != OK)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].endpoint, endpoint) == 0) {
			*out = list[i];
			return true;
		}
	return false;
}

/* An endpoint on the command line: stored metadata give it a name and a way to log in, if any fit. */
static enum err
resolve_endpoint(const struct places *places, const struct gateway_choice *choice, struct arena *arena,
    struct gateway *out, struct why *why)
{
	enum err r;

	*out = (struct gateway){0};
	if ((r = gateway_endpoint_check(span_of_text(choice->endpoint), why)) != OK)
		return r;
	if (choice->name != NULL) {
		if (gateway_load(places, choice->name, arena, out, NULL) != OK)
			*out = (struct gateway){.name = choice->name};
	} else if (!find_endpoint(places, choice->endpoint, arena, out)) {
		*out = (struct gateway){.name = choice->endpoint};
	}
	out->endpoint = choice->endpoint;
	return OK;
}

enum err
gateway_resolve(const struct places *places, const struct gateway_choice *choice, struct arena *arena,
    struct gateway *out, struct why *why)
{
	const char *name = choice->name;
	enum err r;

	if (choice->endpoint != NULL)
		return resolve_endpoint(places, choice, arena, out, why);
	*out = (struct gateway){0};
	if (name == NULL && (r = gateway_active(places, arena, &name, why)) != OK)
		return r == ERR_NOT_FOUND ? fail(why, r,
						"No gateway configured: start one here with `openshell-gateway start`, "
						"add one with `openshell gateway add ENDPOINT`, "
						"or choose one with `openshell gateway select NAME`")
					  : r;
	if ((r = gateway_load(places, name, arena, out, why)) == ERR_NOT_FOUND) {
		*out = (struct gateway){.name = name};
		return fail(why, r,
		    "gateway %s is not configured: `openshell gateway list` shows those that are, "
		    "`openshell gateway add ENDPOINT --name %s` adds it",
		    name, name);
	}
	return r;
}

enum err
gateway_store(const struct places *places, const struct gateway *gateway, struct why *why)
{
	auto_arena struct arena arena = {0};
	auto_free char *text = NULL;
	const char *path;
	enum err r;

	if ((r = gateway_name_check(span_of_text(gateway->name), why)) != OK)
		return r;
	if ((path = gateway_file(places, gateway->name, "metadata.json", &arena)) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((text = metadata_write(gateway)) == NULL)
		return fail(why, ERR_INVALID, "the gateway's name or endpoint is not UTF-8");
	return file_write(path, 0600, span_of_text(text), why);
}

enum err
gateway_select(const struct places *places, const char *name, struct why *why)
{
	auto_arena struct arena arena = {0};
	const char *path = arena_format(&arena, "%s/active_gateway", places->user);

	return path == NULL ? fail(why, ERR_LIMIT, "out of room") : file_write(path, 0600, span_of_text(name), why);
}

enum err
gateway_remove(const struct places *places, const char *name, struct why *why)
{
	auto_arena struct arena arena = {0};
	const char *active, *path;
	struct gateway gateway;
	enum err r;

	if ((r = gateway_load(places, name, &arena, &gateway, why)) != OK)
		return r;
	if (gateway.system)
		return fail(why, ERR_DENIED, "gateway %s belongs to the system (%s): it cannot be removed here", name,
		    places->system);
	if (gateway_active(places, &arena, &active, NULL) == OK && strcmp(active, name) == 0) {
		path = arena_format(&arena, "%s/active_gateway", places->user);
		if (path != NULL && unlink(path) != 0 && errno != ENOENT)
			return fail_errno(why, ERR_SYSTEM, "%s", path);
	}
	path = arena_format(&arena, "%s/gateways/%s", places->user, name);
	return path == NULL ? fail(why, ERR_LIMIT, "out of room") : tree_remove_whole(AT_FDCWD, path, why);
}
