/* What a client keeps beside a gateway's metadata: its certificate files, and the sandbox that was used last.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clients/sdk/gateway.h"
#include "common/base/clean.h"

/* The folder of certificates of a name: what may not be in a path there becomes an underscore. */
static char *
mtls_folder(const char *name, struct arena *arena)
{
	char *safe = arena_text(arena, span_of_text(name));

	for (char *p = safe; p != NULL && *p != '\0'; p++)
		if (!span_only(
			(struct span){p, 1}, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"))
			*p = '_';
	return safe;
}

const char *
gateway_mtls_file(const struct places *places, const struct gateway *gateway, const char *file, struct arena *arena)
{
	const char *folder = mtls_folder(gateway->name, arena), *own, *systems;

	if (folder == NULL)
		return NULL;
	own = arena_format(arena, "%s/gateways/%s/mtls/%s", places->user, folder, file);
	if (own == NULL || !gateway->system || file_exists(own))
		return own;
	systems = arena_format(arena, "%s/gateways/%s/mtls/%s", places->system, folder, file);
	return systems != NULL && file_exists(systems) ? systems : own;
}

enum err
gateway_mtls_adopt(const struct places *places, const char *name, struct why *why)
{
	static const struct {
		const char *from, *to;
	} files[] = {{"ca.crt", "ca.crt"}, {"client/tls.crt", "tls.crt"}, {"client/tls.key", "tls.key"}};
	const struct gateway gateway = {.name = name};
	auto_arena struct arena arena = {0};
	struct span bytes[COUNT(files)];
	const char *path;
	enum err r;

	if ((path = gateway_mtls_file(places, &gateway, "tls.key", &arena)) != NULL && file_exists(path))
		return OK;
	for (size_t i = 0; i < COUNT(files); i++) {
		if ((path = arena_format(&arena, "%s/%s", places->tls, files[i].from)) == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		if ((r = file_read(path, &arena, &bytes[i], why)) != OK)
			return because(why, r, "no client certificate is stored for %s, and the local gateway's", name);
	}
	for (size_t i = 0; i < COUNT(files); i++) {
		path = gateway_mtls_file(places, &gateway, files[i].to, &arena);
		if (path == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		if ((r = file_write(path, 0600, bytes[i], why)) != OK)
			return r;
	}
	return OK;
}

enum err
last_sandbox_load(const struct places *places, const char *gateway, const char *workspace, struct arena *arena,
    const char **out, struct why *why)
{
	const char *path;
	struct span text, first;
	enum err r;

	if (gateway_name_check(span_of_text(gateway), NULL) != OK)
		return fail(why, ERR_NOT_FOUND, "no sandbox was used yet");
	if ((path = gateway_file(places, gateway, "last_sandbox", arena)) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = file_read(path, arena, &text, why)) != OK)
		return r;
	first = span_cut(&text, '\n');
	text = span_cut(&text, '\n');
	if (!span_is(first, workspace) || text.length == 0)
		return fail(why, ERR_NOT_FOUND, "no sandbox was used yet in workspace %s", workspace);
	return (*out = arena_text(arena, text)) == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

enum err
last_sandbox_store(
    const struct places *places, const char *gateway, const char *workspace, const char *sandbox, struct why *why)
{
	auto_arena struct arena arena = {0};
	const char *path, *text, *before;

	if (gateway_name_check(span_of_text(gateway), NULL) != OK)
		return OK; /* an endpoint of the command line, with no folder of its own */
	if (last_sandbox_load(places, gateway, workspace, &arena, &before, NULL) == OK && strcmp(before, sandbox) == 0)
		return OK;
	path = gateway_file(places, gateway, "last_sandbox", &arena);
	text = arena_format(&arena, "%s\n%s", workspace, sandbox);
	if (path == NULL || text == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	return file_write(path, 0600, span_of_text(text), why);
}

void
last_sandbox_forget(const struct places *places, const char *gateway, const char *workspace, const char *sandbox)
{
	auto_arena struct arena arena = {0};
	const char *before, *path;

	if (last_sandbox_load(places, gateway, workspace, &arena, &before, NULL) != OK || strcmp(before, sandbox) != 0)
		return;
	if ((path = gateway_file(places, gateway, "last_sandbox", &arena)) != NULL)
		unlink(path);
}
