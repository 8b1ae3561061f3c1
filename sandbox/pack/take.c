/* Files into the sandbox: a taker over the pipes. */
#include "sandbox/pack/take.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/transfer/taker.h"
#include "common/transfer/target.h"
#include "sandbox/pack/pipe.h"

static enum err
target(void *self, bool single, int *root, const char **name, struct why *why)
{
	return target_open(self, single, name, root, why);
}

static enum err
feed(void *self, struct span bytes, struct why *why)
{
	return taker_feed(self, bytes, why);
}

static enum err
pull(void *self, void *to, size_t room, size_t *out, struct why *why)
{
	return taker_pull(self, to, room, out, why);
}

static bool
busy(void *self)
{
	return taker_state(self).sum_all > 0;
}

static bool
over(void *self)
{
	return taker_state(self).over;
}

int
take_run(const char *to)
{
	const struct taker_config config = {.target = target, .self = (void *)(uintptr_t)to, .mode = 0777};
	struct taker *taker = taker_new(&config);
	const struct pipe_end end = {feed, pull, over, busy, taker};
	struct why why = {0};
	enum err r = pipe_run(&end, &why);

	if (r != OK)
		fprintf(stderr, "pack: %s\n", why.text);
	taker_free(taker, r == ERR_UNAVAILABLE); /* who is cut off may come again */
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
