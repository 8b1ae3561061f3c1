/* A port of this machine that leads into a sandbox by ssh -L. ssh says that it listens by its LocalCommand, which it
 * runs once all forwards are set up: a line on its standard output, which is a pipe to here. */
#include "clients/cli/forward_ssh.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/forward_record.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/source.h"
#include "clients/cli/ssh_child.h"
#include "common/base/clean.h"

struct forwarding {
	struct cli *cli;
	struct child child;
	struct source out, err;
	struct ssh_session session;
	int out_fd, err_fd;
	bool ready, ended;
	int code;
	char said_buffer[300]; /* on standard error, until it was ready */
	struct text said;
};

static bool
out_took(void *self, struct span bytes)
{
	struct forwarding *f = self;

	f->ready |= bytes.length > 0;
	return true;
}

static bool
err_took(void *self, struct span bytes)
{
	struct forwarding *f = self;

	for (; bytes.length > 0; bytes = span_tail(bytes, 1))
		if (bytes.at[0] != '\r' && (bytes.at[0] != '\n' || f->said.length > 0))
			text_add_span(&f->said, bytes.at[0] == '\n' ? SPAN("; ") : span_head(bytes, 1));
	return true;
}

static void
ssh_ended(void *self, int status)
{
	struct forwarding *f = self;

	f->ended = true;
	f->code = child_exit_code(status);
}

static enum err
forwarding_words(struct cli *cli, const struct ssh_plan *plan, const struct forward_record *record, const char **words,
    struct why *why)
{
	const char *spec = forward_spec(&cli->arena, record);
	const char *const more[] = {"-N", "-o", "ExitOnForwardFailure=yes", "-o", "PermitLocalCommand=yes", "-o",
	    "LocalCommand=echo ready", "-L", spec, "sandbox"};
	size_t n;
	enum err r = ssh_begin(cli, plan, words, &n, why);

	if (r != OK)
		return r;
	if (spec == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < COUNT(more); i++)
		words[n++] = more[i];
	words[n] = NULL;
	return OK;
}

/* Start ssh with pipes for what it says; its standard error stays ours where it is waited for. */
static enum err
forwarding_start(struct forwarding *f, const char *const *words, bool background, struct why *why)
{
	int out[2], err[2] = {-1, STDERR_FILENO};
	enum err r;

	if (pipe2(out, O_CLOEXEC) != 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	f->out_fd = out[0];
	if (background && pipe2(err, O_CLOEXEC) != 0) {
		close(out[1]);
		return fail_errno(why, ERR_SYSTEM, "pipe");
	}
	f->err_fd = err[0];
	r = ssh_start(f->cli, &f->session, words, (const int[]){-1, out[1], err[1]}, background, &f->child, why);
	close(out[1]);
	if (background)
		close(err[1]);
	if (r != OK || (r = source_start(&f->out, f->cli->loop, f->out_fd, out_took, f, why)) != OK ||
	    (background && (r = source_start(&f->err, f->cli->loop, f->err_fd, err_took, f, why)) != OK))
		return r;
	return child_watch(&f->child, f->cli->loop, ssh_ended, f, why);
}

/* Until it listens. */
static enum err
forwarding_ready(struct forwarding *f, struct why *why)
{
	enum err r = OK;

	while (r == OK && !f->ready && !f->ended && f->cli->signal == 0)
		r = loop_turn(f->cli->loop, -1, why);
	while (r == OK && f->ended && f->err_fd >= 0 && !f->err.ended) /* its last words */
		r = loop_turn(f->cli->loop, -1, why);
	ssh_session_revoke(f->cli, &f->session);
	if (r != OK || f->ready)
		return r;
	child_kill(&f->child, SIGTERM);
	if (f->cli->signal != 0)
		return fail(why, ERR_CANCELLED, "interrupted");
	while (f->said.length > 0 &&
	       (f->said_buffer[f->said.length - 1] == ' ' || f->said_buffer[f->said.length - 1] == ';'))
		f->said_buffer[--f->said.length] = '\0';
	return fail(why, ERR_UNAVAILABLE, "the forward did not come about: %s",
	    f->said.length > 0 ? shown(&f->cli->arena, f->said_buffer) : "ssh gave up");
}

/* Until it ends, which nobody asked for, or a signal asks. */
static enum err
forwarding_wait(struct forwarding *f, struct why *why)
{
	enum err r = OK;

	while (r == OK && !f->ended && f->cli->signal == 0)
		r = loop_turn(f->cli->loop, -1, why);
	if (r == OK && !f->ended) {
		child_kill(&f->child, SIGTERM);
		while (r == OK && !f->ended)
			r = loop_turn(f->cli->loop, -1, why);
	}
	if (r != OK)
		return r;
	return fail(why, ERR_CANCELLED, f->cli->signal != 0 ? "interrupted" : "the connection to the sandbox ended");
}

static enum err
forwarding_run(struct forwarding *f, const struct forward_record *record, bool background, struct why *why)
{
	struct forward_record running = *record;
	enum err r;

	if ((r = forwarding_ready(f, why)) != OK)
		return r;
	running.pid = f->child.pid;
	if (background && (r = forward_store(&f->cli->places, &running, why)) != OK) {
		child_kill(&f->child, SIGTERM);
		return r;
	}
	cli_note(f->cli, "Forwarding %s port %u to port %u of sandbox %s; %s", record->bind, record->port, record->port,
	    record->sandbox,
	    background ? arena_format(&f->cli->arena, "`openshell forward stop %u` ends it", record->port)
		       : "Ctrl-C ends it");
	return background ? OK : forwarding_wait(f, why);
}

static void
forwarding_done(struct forwarding *f)
{
	source_done(&f->out);
	source_done(&f->err);
	clean_fd(&f->out_fd);
	clean_fd(&f->err_fd);
	child_done(&f->child);
}

enum err
forward_ssh(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name,
    const struct listener_address *address, bool background, struct why *why)
{
	struct forwarding f = {.cli = cli, .out_fd = -1, .err_fd = -1, .child = {.pidfd = -1}};
	const struct forward_record record = {
	    .sandbox = name, .port = address->port, .sandbox_id = sandbox->metadata->id, .bind = address->host};
	const char *words[SSH_WORDS_MAX];
	struct ssh_plan plan;
	enum err r;

	f.said = TEXT_OF(f.said_buffer);
	if ((r = ssh_plan_fill(cli, &plan, why)) != OK)
		return r;
	plan.sandbox = name;
	plan.sandbox_id = sandbox->metadata->id;
	if ((r = forwarding_words(cli, &plan, &record, words, why)) != OK ||
	    (r = ssh_session_make(cli, plan.sandbox_id, &f.session, why)) != OK)
		return r;
	if ((r = forwarding_start(&f, words, background, why)) == OK)
		r = forwarding_run(&f, &record, background, why);
	forwarding_done(&f);
	ssh_session_revoke(cli, &f.session);
	return r;
}
