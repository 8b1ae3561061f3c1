/* sandbox download: pack's sender there, a taker here that trusts nothing that comes. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/carry.h"
#include "clients/cli/commands.h"
#include "clients/cli/sandbox.h"
#include "common/base/clean.h"
#include "common/transfer/taker.h"
#include "common/transfer/target.h"

struct downloading {
	struct taker *taker;
	const char *path, *given; /* in the sandbox; DEST, "" where there is none */
	const char *tree, *to;	  /* what a directory is called here without DEST; where it goes */
	char *name;		  /* of path; what a file is called where DEST is a directory */
};

/*
 * A file is never called what the sandbox says; and as it may make a directory of what was a file, one that nobody gave a
 * place is not spread out among the files that are here.
 */
static enum err
target(void *self, bool single, int *root, const char **name, struct why *why)
{
	struct downloading *downloading = self;

	downloading->to = downloading->given[0] != '\0' ? downloading->given : single ? "." : downloading->tree;
	*name = single ? downloading->name : NULL;
	if (single && *name == NULL)
		return fail(why, ERR_PROTOCOL, "%s came as a file", downloading->path);
	return target_open(downloading->to, single, name, root, why);
}

static enum err
taker_in(void *self, struct span bytes, struct why *why)
{
	return taker_feed(((struct downloading *)self)->taker, bytes, why);
}

static enum err
taker_out(void *self, void *to, size_t room, size_t *out, struct why *why)
{
	return taker_pull(((struct downloading *)self)->taker, to, room, out, why);
}

static bool
taker_over(void *self)
{
	return taker_state(((struct downloading *)self)->taker).over;
}

static struct carried
taker_carried(void *self)
{
	const struct taker_state state = taker_state(((struct downloading *)self)->taker);

	return (struct carried){state.bytes, state.bytes_all, state.entries, state.summed, state.sum_all};
}

static void
taker_next(void *self)
{
	taker_again(((struct downloading *)self)->taker);
}

static mode_t
own_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0777 & ~mask;
}

static enum err
download(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, const char *path, const char *given,
    struct why *why)
{
	struct downloading downloading = {.path = path, .given = given, .to = given, .name = target_name(path)};
	const struct taker_config config = {.target = target, .self = &downloading, .mode = own_mode()};
	const struct carry_end end = {taker_in, taker_out, taker_over, taker_carried, taker_next, &downloading};
	struct carried carried;
	enum err r;

	downloading.tree = downloading.name != NULL ? downloading.name : name;
	progress_start(&cli->progress, cli->loop, STDERR_FILENO,
	    arena_format(&cli->arena, "Downloading %s from %s", shown(&cli->arena, path), name));
	downloading.taker = taker_new(&config);
	if ((r = carry_run(cli, sandbox, "give", path, &end, &carried, why)) == OK)
		carry_done(
		    cli, arena_format(&cli->arena, "Downloaded to %s", shown(&cli->arena, downloading.to)), &carried);
	progress_stop(&cli->progress);
	taker_free(downloading.taker, false);
	free(downloading.name);
	return r;
}

enum err
run_sandbox_download(struct cli *cli, struct why *why)
{
	char **operands = (char **)(uintptr_t)cli->args.operands;
	Openshell__V1__SandboxResponse *answer;
	enum err r;

	if ((r = sandbox_enter(cli, operands[0], &answer, why)) != OK)
		return r;
	r = download(
	    cli, answer->sandbox, operands[0], operands[1], cli->args.operands_count > 2 ? operands[2] : "", why);
	call_free(answer);
	return r;
}
