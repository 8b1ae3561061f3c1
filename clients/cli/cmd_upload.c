/* sandbox upload: a sender here, pack's taker there. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/carry.h"
#include "clients/cli/commands.h"
#include "clients/cli/git_files.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/upload.h"
#include "common/base/clean.h"
#include "common/transfer/sender.h"
#include "common/transfer/target.h"

/* What is sent, and the sender of the stream that is open. */
struct uploading {
	struct sender_config config;
	struct sender *sender;
	uint64_t before; /* entries of earlier senders */
	char *after;
};

static enum err
sender_take(void *self, struct span bytes, struct why *why)
{
	return sender_feed(((struct uploading *)self)->sender, bytes, why);
}

static enum err
sender_give(void *self, void *to, size_t room, size_t *out, struct why *why)
{
	return sender_pull(((struct uploading *)self)->sender, to, room, out, why);
}

static bool
sender_over(void *self)
{
	return sender_state(((struct uploading *)self)->sender).over;
}

static struct carried
sender_carried(void *self)
{
	const struct uploading *uploading = self;
	const struct sender_state state = sender_state(uploading->sender);

	return (struct carried){
	    state.bytes, state.bytes_all, uploading->before + state.entries, state.summed, state.sum_all};
}

/* The next sender goes on behind what the taker had last. */
static void
sender_again(void *self)
{
	struct uploading *uploading = self;
	char *after = span_dup(sender_done(uploading->sender));

	uploading->before += sender_state(uploading->sender).entries;
	sender_free(uploading->sender);
	free(uploading->after);
	uploading->after = after;
	uploading->config.walk.after = span_of_text(after);
	uploading->config.again = true;
	uploading->sender = sender_new(&uploading->config);
}

/* Where the sandbox says no, its policy may be why. */
static enum err
explained(enum err r, const char *name, struct why *why)
{
	struct why said = *why;

	if (r == OK ||
	    (strstr(said.text, "Read-only file system") == NULL && strstr(said.text, "Permission denied") == NULL))
		return r;
	return fail(why, r, "%.380s (what its policy lets be written: `openshell sandbox get %.32s --policy-only`)",
	    said.text, name);
}

static enum err
send_all(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct uploading *uploading,
    const char *remote, struct why *why)
{
	const struct carry_end end = {sender_take, sender_give, sender_over, sender_carried, sender_again, uploading};
	struct carried carried;
	enum err r;

	uploading->sender = sender_new(&uploading->config);
	if ((r = carry_run(cli, sandbox, "take", remote == NULL ? "" : remote, &end, &carried, why)) == OK)
		carry_done(cli, arena_format(&cli->arena, "Uploaded to %s", name), &carried);
	sender_free(uploading->sender);
	free(uploading->after);
	return r == ERR_CANCELLED && cli->signal == 0 ? explained(r, name, why) : r;
}

static enum err
git_choose(
    struct cli *cli, const char *local, const struct uploading *uploading, struct git_files **out, struct why *why)
{
	enum err r;

	*out = NULL;
	if (uploading->config.single)
		return OK;
	if ((r = git_files_list(cli, local, out, why)) != OK)
		return r;
	if (*out == NULL || git_files_count(*out) > 0)
		return OK;
	cli_note(cli, "Warning: git lists no file in %s: all of it is uploaded", shown(&cli->arena, local));
	git_files_free(*out);
	*out = NULL;
	return OK;
}

enum err
upload(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, const char *local, const char *remote,
    bool whole, struct why *why)
{
	struct uploading uploading = {0};
	struct git_files *git = NULL;
	auto_fd int root = -1;
	auto_free char *only = NULL;
	enum err r;

	if ((r = target_source(local, &root, &only, &uploading.config.single, why)) != OK ||
	    (!whole && (r = git_choose(cli, local, &uploading, &git, why)) != OK))
		return r;
	if (git != NULL) {
		git_files_below(git, only);
		uploading.config.walk.wanted = git_files_wanted;
		uploading.config.walk.self = git;
	}
	uploading.config.walk.root = root;
	uploading.config.walk.only = only;
	progress_start(&cli->progress, cli->loop, STDERR_FILENO,
	    arena_format(&cli->arena, "Uploading %s to %s", shown(&cli->arena, local), name));
	r = send_all(cli, sandbox, name, &uploading, remote, why);
	progress_stop(&cli->progress);
	git_files_free(git);
	return r;
}

enum err
upload_each(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	const struct value *list = &cli->args.values[FLAG_UPLOAD];
	enum err r = OK;

	for (size_t i = 0; r == OK && i < list->count; i++) {
		struct span remote = span_of_text(list->list[i]), local = span_cut(&remote, ':');

		r = upload(cli, sandbox, name, arena_text(&cli->arena, local), arena_text(&cli->arena, remote),
		    cli_on(cli, FLAG_NO_GIT_IGNORE), why);
	}
	return r;
}

enum err
run_sandbox_upload(struct cli *cli, struct why *why)
{
	char **operands = (char **)(uintptr_t)cli->args.operands;
	Openshell__V1__SandboxResponse *answer;
	enum err r;

	if ((r = sandbox_enter(cli, operands[0], &answer, why)) != OK)
		return r;
	r = upload(cli, answer->sandbox, operands[0], operands[1], cli->args.operands_count > 2 ? operands[2] : NULL,
	    cli_on(cli, FLAG_NO_GIT_IGNORE), why);
	call_free(answer);
	return r;
}
