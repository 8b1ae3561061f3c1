/* The box: the namespaces and the view in which a sandbox's supervisor runs, made by a process of its own. */
#ifndef DRIVER_LOCAL_BOX_H
#define DRIVER_LOCAL_BOX_H

#include <stdbool.h>

#include "services/driver-local/cgroup.h"
#include "services/driver-local/config.h"

/* Descriptors of the maker (driver-local-box), a program with few libraries, for every start waits for it. */
enum {
	BOX_FD_BOOTSTRAP = 3, /* becomes descriptor 3 of the launcher */
	BOX_FD_PLAN = 4,      /* struct box_plan; a program of the same build wrote it */
	BOX_FD_DIR = 5,	      /* the sandbox's directory */
	BOX_FD_LOCK = 6,   /* locked: held until the record is written, so that a driver that comes back waits for it */
	BOX_FD_REPORT = 7, /* words, if it fails; its end without words: the launcher runs */
	BOX_FD_COUNT
};

/* What to make. Paths are the host's, absolute. */
struct box_plan {
	uint32_t epoch;
	uint32_t release;  /* of the bundle, for the record */
	uint32_t uid_base; /* 0: as an ordinary user, its own id alone is mapped */
	char name[20];
	char bundle[SERVICE_PATH_BYTES], relay_dir[SERVICE_PATH_BYTES], workspace[SERVICE_PATH_BYTES];
	char spiffe_dir[SERVICE_PATH_BYTES]; /* empty: none */
	struct cgroups cgroups;
};

/* box_view.c: inside the box's namespaces, build its root, enter it. */
enum err box_view(const struct box_plan *plan, struct why *why) must_check;

#endif
