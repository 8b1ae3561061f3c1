/* A box for tests: the namespaces and the view that driver-local makes, around the launcher of a bundle. */
#ifndef TESTS_SUPERVISOR_BOX_H
#define TESTS_SUPERVISOR_BOX_H

#include <sys/types.h>

#include "common/base/span.h"

struct box {
	pid_t pid;  /* of the supervisor, seen from here */
	int log_fd; /* what the sandbox's processes write to standard error */
};

struct box_options {
	const char *bundle;    /* directory that becomes /opt/openshell */
	const char *work;      /* directory with workspace/ and script/ */
	uid_t range;	       /* first id of a range of 65536; 0: this user alone is mapped */
	struct span bootstrap; /* msg_encode of it */
};

/* Start one; false with errno. Ends with box_stop. */
int box_start(const struct box_options *options, struct box *out);
void box_stop(struct box *box);

#endif
