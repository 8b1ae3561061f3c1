/* Files out of the sandbox: a sender over the pipes, for what lies in the workspace. */
#include "sandbox/pack/give.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/transfer/sender.h"
#include "common/transfer/target.h"
#include "sandbox/pack/pipe.h"

/* What is asked for, and the sender once it was found. */
struct giving {
	const char *path;
	int root;
	char *only;
	struct sender *sender;
};

static bool
within(const char *path, const char *root)
{
	return relative_within(span_of_text(path), span_of_text(root));
}

/* The path without links, in the workspace; the caller frees it. */
static enum err
resolve(const char *path, char **out, struct why *why)
{
	auto_free char *workspace = realpath(".", NULL);
	auto_free char *real = realpath(path, NULL);
	char shown[2][200];
	struct text asked = TEXT_OF(shown[0]), found = TEXT_OF(shown[1]);

	text_add_escaped(&asked, span_of_text(path));
	if (real == NULL)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "%s", asked.at);
	text_add_escaped(&found, span_of_text(real));
	if (workspace == NULL || workspace[1] == '\0')
		return fail(why, ERR_STATE, "the workspace is \"/\": nothing is downloaded from there");
	if (!within(real, workspace))
		return fail(why, ERR_DENIED, "%s resolves to %s, which is outside the workspace %s", asked.at, found.at,
		    workspace);
	*out = real;
	real = NULL;
	return OK;
}

/* A directory is sent without its name. */
static enum err
open_source(struct giving *giving, struct why *why)
{
	struct sender_config config = {0};
	auto_free char *real = NULL;
	auto_free char *inside = NULL;
	enum err r;

	if ((r = resolve(giving->path, &real, why)) != OK ||
	    (r = target_source(real, &giving->root, &giving->only, &config.single, why)) != OK)
		return r;
	if (!config.single) {
		clean_fd(&giving->root);
		clean_free(&giving->only);
		if (asprintf(&inside, "%s/.", real) < 0)
			abort();
		if ((r = target_source(inside, &giving->root, &giving->only, &config.single, why)) != OK)
			return r;
	}
	config.walk.root = giving->root;
	config.walk.only = giving->only;
	giving->sender = sender_new(&config);
	return OK;
}

static enum err
feed(void *self, struct span bytes, struct why *why)
{
	struct giving *giving = self;

	return sender_feed(giving->sender, bytes, why);
}

static enum err
pull(void *self, void *to, size_t room, size_t *out, struct why *why)
{
	struct giving *giving = self;
	enum err r;

	*out = 0;
	if (giving->sender == NULL && (r = open_source(giving, why)) != OK)
		return r;
	return sender_pull(giving->sender, to, room, out, why);
}

static bool
over(void *self)
{
	const struct giving *giving = self;

	return giving->sender != NULL && sender_state(giving->sender).over;
}

static bool
busy(void *self)
{
	const struct giving *giving = self;

	return giving->sender != NULL && sender_state(giving->sender).sum_all > 0;
}

int
give_run(const char *path)
{
	struct giving giving = {.path = path, .root = -1};
	const struct pipe_end end = {feed, pull, over, busy, &giving};
	struct why why = {0};
	enum err r = pipe_run(&end, &why);

	if (r != OK)
		fprintf(stderr, "pack: %s\n", why.text);
	sender_free(giving.sender);
	free(giving.only);
	clean_fd(&giving.root);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
