/* The command lines of OpenSSH's ssh. */
#include "clients/cli/ssh_command.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._:=,@+-"

const char *
ssh_quoted(struct arena *arena, const char *word)
{
	size_t length = strlen(word), n = 0;
	char *to;

	if (length > 0 && span_only(span_of_text(word), PLAIN))
		return word;
	if ((to = arena_alloc(arena, length * 4 + 3)) == NULL)
		return NULL;
	to[n++] = '\'';
	for (const char *p = word; *p != '\0'; p++) {
		if (*p == '\'') { /* '\'' ends the quote, gives the byte, begins the next */
			to[n++] = '\'';
			to[n++] = '\\';
			to[n++] = '\'';
		}
		if (*p == '%')
			to[n++] = '%';
		to[n++] = *p;
	}
	to[n++] = '\'';
	return to;
}

/* "program ssh-proxy" and which gateway; NULL past the ceiling. */
static const char *
proxy_base(struct arena *arena, const struct ssh_plan *plan, bool by_name)
{
	const char *program = ssh_quoted(arena, plan->program), *name = ssh_quoted(arena, plan->gateway->name),
		   *endpoint = ssh_quoted(arena, plan->gateway->endpoint), *text;

	if (program == NULL || name == NULL || endpoint == NULL)
		return NULL;
	text = arena_format(arena, "%s ssh-proxy", program);
	if (text != NULL && (!by_name || !plan->gateway->stored))
		text = arena_format(arena, "%s --gateway %s", text, endpoint);
	if (text != NULL && plan->gateway->stored)
		text = arena_format(arena, "%s --gateway-name %s", text, name);
	if (text != NULL && plan->insecure)
		text = arena_format(arena, "%s --gateway-insecure", text);
	return text;
}

const char *
ssh_proxy_by_token(struct arena *arena, const struct ssh_plan *plan)
{
	const char *base = proxy_base(arena, plan, false), *id = ssh_quoted(arena, plan->sandbox_id);

	return base == NULL || id == NULL ? NULL : arena_format(arena, "%s --sandbox-id %s", base, id);
}

const char *
ssh_proxy_by_name(struct arena *arena, const struct ssh_plan *plan)
{
	const char *base = proxy_base(arena, plan, true), *name = ssh_quoted(arena, plan->sandbox),
		   *workspace = ssh_quoted(arena, plan->workspace);

	return base == NULL || name == NULL || workspace == NULL
		   ? NULL
		   : arena_format(arena, "%s --name %s --workspace %s", base, name, workspace);
}

size_t
ssh_words(struct arena *arena, const struct ssh_plan *plan, const char *level, const char **words)
{
	const char *proxy = ssh_proxy_by_token(arena, plan);
	const char *const options[] = {"ssh", "-F", "none", "-o",
	    proxy == NULL ? NULL : arena_format(arena, "ProxyCommand=%s", proxy), "-o", "StrictHostKeyChecking=no",
	    "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null", "-o",
	    arena_format(arena, "LogLevel=%s", level), "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3",
	    "-l", "sandbox"};
	size_t count = sizeof(options) / sizeof(options[0]);

	for (size_t i = 0; i < count; i++)
		if ((words[i] = options[i]) == NULL)
			return 0;
	return count;
}

const char *
ssh_alias(struct arena *arena, const struct ssh_plan *plan)
{
	return arena_format(arena, "openshell-%s.%s", plan->sandbox, plan->workspace);
}

const char *
ssh_host_block(struct arena *arena, const struct ssh_plan *plan)
{
	const char *alias = ssh_alias(arena, plan), *proxy = ssh_proxy_by_name(arena, plan);

	if (alias == NULL || proxy == NULL)
		return NULL;
	return arena_format(arena,
	    "Host %s\n"
	    "    User sandbox\n"
	    "    StrictHostKeyChecking no\n"
	    "    UserKnownHostsFile /dev/null\n"
	    "    GlobalKnownHostsFile /dev/null\n"
	    "    LogLevel ERROR\n"
	    "    ServerAliveInterval 15\n"
	    "    ServerAliveCountMax 3\n"
	    "    ProxyCommand %s\n",
	    alias, proxy);
}

/* Does a line begin a block: "Host x" or "Match x"? is: whether it is "Host alias" and nothing else. */
static bool
begins_block(struct span line, const char *alias, bool *is)
{
	while (line.length > 0 && (line.at[0] == ' ' || line.at[0] == '\t'))
		line = span_tail(line, 1);
	if (!span_starts(line, SPAN("Host ")) && !span_starts(line, SPAN("Match ")))
		return false;
	*is = span_starts(line, SPAN("Host ")) && span_is(span_tail(line, 5), alias);
	return true;
}

const char *
ssh_config_put(struct arena *arena, struct span text, const char *alias, const char *block)
{
	size_t room = text.length + (block == NULL ? 0 : strlen(block)) + 3;
	struct text out = {arena_alloc(arena, room), 0, room, false};
	bool ours = false, is = false;

	if (out.at == NULL)
		return NULL;
	while (text.length > 0) {
		struct span line = span_cut(&text, '\n');

		if (begins_block(line, alias, &is))
			ours = is;
		if (!ours) {
			text_add_span(&out, line);
			text_add_span(&out, SPAN("\n"));
		}
	}
	if (block != NULL)
		text_add_span(&out, span_of_text(block));
	return out.at;
}

const char *
ssh_config_include(struct arena *arena, struct span text, const char *path)
{
	const char *line = arena_format(arena, "Include \"%s\"", path);
	struct span rest = text;

	while (line != NULL && rest.length > 0) {
		struct span next = span_cut(&rest, '\n');

		if (span_is(next, line))
			return NULL;
	}
	return line == NULL
		   ? NULL
		   : arena_format(arena, "%s\n%s%.*s", line, text.length > 0 ? "\n" : "", (int)text.length, text.at);
}
