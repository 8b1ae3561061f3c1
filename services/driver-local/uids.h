/* Uid ranges: which sandbox has which, kept as links in a directory, so that two never share one. */
#ifndef DRIVER_LOCAL_UIDS_H
#define DRIVER_LOCAL_UIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"

struct uids {
	int dir;	  /* links NUMBER -> sandbox id: making one is the taking */
	uint32_t count;	  /* numbers are 0 to count - 1 */
	struct id *owner; /* by number; none: free */
};

/* Read who has what. dir is taken over. */
enum err uids_open(struct uids *out, int dir, uint32_t count, struct why *why) must_check;
void uids_close(struct uids *uids);

/* The number of a sandbox, taken now if it has none. ERR_LIMIT all are taken. */
enum err uids_take(struct uids *uids, struct id sandbox, uint32_t *out, struct why *why) must_check;

/* It needs none any more. Nothing happens when it has none. */
void uids_give(struct uids *uids, struct id sandbox);

/* Give back what belongs to no sandbox: keep(self, id) says. */
void uids_collect(struct uids *uids, bool (*keep)(void *self, struct id sandbox), void *self);

#endif
