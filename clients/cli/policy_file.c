/* Policy files on the command line. */
#include "clients/cli/policy_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/policy/yaml.h"

#define STDIN_MAX_BYTES (1u << 20)

static enum err
stdin_read(struct cli *cli, struct span *out, struct why *why)
{
	char *bytes = arena_alloc(&cli->arena, STDIN_MAX_BYTES + 1);
	size_t at = 0;
	ssize_t n;

	if (bytes == NULL)
		return fail(why, ERR_LIMIT, "too large");
	while (at <= STDIN_MAX_BYTES && (n = read(STDIN_FILENO, bytes + at, STDIN_MAX_BYTES + 1 - at)) != 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(why, ERR_SYSTEM, "standard input");
		if (n > 0)
			at += (size_t)n;
	}
	if (at > STDIN_MAX_BYTES)
		return fail(why, ERR_LIMIT, "standard input has more than %u bytes", STDIN_MAX_BYTES);
	*out = (struct span){bytes, at};
	return OK;
}

enum err
policy_file_read(struct cli *cli, const char *what, const char *path, struct span *out, struct why *why)
{
	enum err r = strcmp(path, "-") == 0 ? stdin_read(cli, out, why) : file_read(path, &cli->arena, out, why);

	return r == OK ? OK : because(why, r, "%s", what);
}

static const char *
name_of(const char *path)
{
	return strcmp(path, "-") == 0 ? STDIN_NAME : path;
}

const char *
policy_finding_text(struct cli *cli, const char *path, const struct finding *finding)
{
	const char *text = arena_format(&cli->arena, "%s:%zu:%zu: %s: %s", name_of(path), finding->line,
	    finding->column, finding->warning ? "warning" : "error", finding->text);

	return shown(&cli->arena, text);
}

enum err
policy_file_load(
    struct cli *cli, const char *path, unsigned flags, Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why)
{
	struct findings findings = {.arena = &cli->arena};
	const char *name = name_of(path);
	struct span text;
	enum err r;

	if ((r = policy_file_read(cli, "policy file", path, &text, why)) != OK)
		return r;
	r = policy_read(text, flags, &findings, out, why);
	for (size_t i = 0; i < findings.count; i++)
		if (findings.items[i].warning || findings.errors > 1)
			cli_note(cli, "%s", policy_finding_text(cli, path, &findings.items[i]));
	if (r == OK)
		return OK;
	return findings.errors > 1 ? fail(why, r, "%s has %zu errors", name, findings.errors)
				   : because(why, r, "%s", name);
}
