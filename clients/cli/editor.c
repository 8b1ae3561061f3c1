/* Opening a sandbox in an editor of this machine. */
#include "clients/cli/editor.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/cli/ssh_child.h"
#include "common/base/clean.h"

extern char **environ;

const char *const editors[] = {"vscode", "cursor", NULL};

static const struct {
	const char *name, *program;
} programs[] = {{"vscode", "code"}, {"cursor", "cursor"}};

/* A file's text; "" where there is none. */
static enum err
text_read(struct cli *cli, const char *path, struct span *out, struct why *why)
{
	enum err r = file_read(path, &cli->arena, out, why);

	if (r != ERR_NOT_FOUND)
		return r;
	*out = SPAN_NONE;
	return OK;
}

static const char *
config_path(struct cli *cli)
{
	return arena_format(&cli->arena, "%s/ssh_config", cli->places.user);
}

/* The sandbox's block in OpenShell's own file. */
static enum err
block_write(struct cli *cli, const struct ssh_plan *plan, const char *block, struct why *why)
{
	const char *path = config_path(cli), *alias = ssh_alias(&cli->arena, plan), *changed;
	struct span text;
	enum err r;

	if (path == NULL || alias == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = text_read(cli, path, &text, why)) != OK)
		return r;
	if ((changed = ssh_config_put(&cli->arena, text, alias, block)) == NULL)
		return fail(why, ERR_LIMIT, "%s is too long", path);
	return span_is(text, changed) ? OK : file_write(path, 0600, span_of_text(changed), why);
}

/* The line in the user's own file, which may be a link to where it is really kept. */
static enum err
include_write(struct cli *cli, struct why *why)
{
	const char *home = getenv("HOME"), *path = config_path(cli), *own, *changed;
	auto_free char *real = NULL;
	struct stat st = {.st_mode = 0600};
	struct span text;
	enum err r;

	if (home == NULL || home[0] != '/')
		return fail(why, ERR_NOT_FOUND, "HOME is not set: where is .ssh/config?");
	own = arena_format(&cli->arena, "%s/.ssh/config", home);
	if (path == NULL || own == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((real = realpath(own, NULL)) != NULL && stat(real, &st) == 0)
		own = real;
	if ((r = text_read(cli, own, &text, why)) != OK)
		return r;
	if ((changed = ssh_config_include(&cli->arena, text, path)) == NULL)
		return OK;
	cli_note(cli, "Adding OpenShell's sandboxes to %s (one Include line)", own);
	return file_write(own, st.st_mode & 07777, span_of_text(changed), why);
}

/* What `pwd -P` said. */
struct asking {
	char path[PATH_MAX];
	size_t length;
	bool ended;
	int code;
	struct rpc_status status;
};

static bool
asking_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct asking *asking = self;
	size_t room = sizeof(asking->path) - 1 - asking->length, n;

	(void)stream;
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT) {
		n = event->stdout->data.len < room ? event->stdout->data.len : room;
		memcpy(asking->path + asking->length, event->stdout->data.data, n);
		asking->length += n;
	}
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT)
		asking->code = event->exit->exit_code;
	return true;
}

static void
asking_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct asking *asking = self;

	(void)stream;
	asking->ended = true;
	asking->status = *status;
}

/* Where its workspace is. */
static enum err
workspace_ask(struct cli *cli, const char *id, struct asking *asking, struct why *why)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	char *command[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t) "pwd -P"};
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/ExecSandbox",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = asking,
	    .message = asking_message,
	    .ended = asking_ended,
	};
	struct rpc_stream *stream;
	enum err r;

	request.sandbox_id = (char *)(uintptr_t)id;
	request.command = command;
	request.n_command = COUNT(command);
	r = rpc_stream_open(cli->connection.client, &config, &request.base, true, &stream, why);
	while (r == OK && !asking->ended)
		r = loop_turn(cli->loop, -1, why);
	if (r == OK && asking->status.code != 0)
		return connection_why(&asking->status, ERR_UNAVAILABLE, why);
	if (asking->length > 0 && asking->path[asking->length - 1] == '\n')
		asking->path[asking->length - 1] = '\0';
	if (r == OK && (asking->code != 0 || asking->path[0] != '/'))
		return fail(why, ERR_PROTOCOL, "where its workspace is cannot be found out");
	return r;
}

static enum err
editor_start(struct cli *cli, const char *path, const char *alias, const char *directory, struct why *why)
{
	const char *words[] = {path, "--remote", arena_format(&cli->arena, "ssh-remote+%s", alias), directory, NULL};
	const struct child_plan plan = {
	    .path = path, .argv = words, .envp = (const char *const *)environ, .fds = {-1, 1, 2}, .fds_count = 3};
	struct child child = {0};
	enum err r;

	if (words[2] == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = child_start(&child, &plan, why)) == OK)
		cli->exit_code = child_exit_code(child_wait(&child));
	return r;
}

enum err
editor_open(
    struct cli *cli, const char *editor, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	struct asking asking = {0};
	struct ssh_plan plan;
	const char *program = NULL, *path;
	enum err r;

	for (size_t i = 0; i < COUNT(programs); i++)
		if (strcmp(programs[i].name, editor) == 0)
			program = programs[i].program;
	if (program == NULL || (r = program_find(cli, program, &path, why)) != OK)
		return because(why, ERR_NOT_FOUND,
		    "the editor's command line is missing (in the editor: \"Shell Command: Install '%s' command in PATH\")",
		    program == NULL ? editor : program);
	if ((r = ssh_plan_fill(cli, &plan, why)) != OK)
		return r;
	plan.sandbox = name;
	if ((r = workspace_ask(cli, sandbox->metadata->id, &asking, why)) != OK ||
	    (r = block_write(cli, &plan, ssh_host_block(&cli->arena, &plan), why)) != OK ||
	    (r = include_write(cli, why)) != OK)
		return r;
	return editor_start(cli, path, ssh_alias(&cli->arena, &plan), asking.path, why);
}

void
editor_forget(struct cli *cli, const char *name)
{
	struct why why = {0};
	struct ssh_plan plan;
	const char *path = config_path(cli);

	if (path == NULL || !file_exists(path) || ssh_plan_fill(cli, &plan, &why) != OK)
		return;
	plan.sandbox = name;
	if (block_write(cli, &plan, NULL, &why) != OK)
		cli_note(cli, "Warning: %s", why.text);
}
