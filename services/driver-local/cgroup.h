/* Control groups of the boxes: pids, memory and cpu limits where the system lets us, in either version's hierarchy. */
#ifndef DRIVER_LOCAL_CGROUP_H
#define DRIVER_LOCAL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum controller { CONTROLLER_PIDS, CONTROLLER_MEMORY, CONTROLLER_CPU, CONTROLLER_COUNT };

#define CGROUP_PATH_BYTES 400
#define CGROUP_WALL_BYTES 256

/* Where groups are made, found once. */
struct cgroup_places {
	struct {
		char dir[CGROUP_PATH_BYTES]; /* empty: nowhere */
		bool unified;		     /* version 2 */
		char why[128];
	} at[CONTROLLER_COUNT];
	char label[24]; /* of this driver: its groups are named LABEL-ID */
};

struct cgroup_limits {
	uint32_t pids, cpu_milli; /* 0: none */
	uint64_t memory_bytes;
};

/* The groups of one box. */
struct cgroups {
	char dir[CONTROLLER_COUNT][CGROUP_PATH_BYTES + 64]; /* empty: none; one directory may be there twice */
	bool unified[CONTROLLER_COUNT];
};

/* What each wall is: NAME=enforced, NAME=absent: why. */
struct cgroup_walls {
	char text[CONTROLLER_COUNT][CGROUP_WALL_BYTES];
};

/*
 * Find where groups can be made.
 *
 * own     text of /proc/self/cgroup
 * mounts  where the hierarchies are: /sys/fs/cgroup; another directory for tests
 * label   that no other driver of this machine uses
 */
void cgroup_find(struct cgroup_places *out, struct span own, const char *mounts, const char *label);

/* Make the groups of a box and set its limits. What cannot be made is said in walls, never an error. */
void cgroup_make(const struct cgroup_places *places, const char *id, const struct cgroup_limits *limits,
    struct cgroups *out, struct cgroup_walls *walls);

/*
 * Put the calling process, which has one thread, into those of version 1: what it then clones is born there. Moving another
 * process, or any in version 2, would wait until every processor has seen it: 10 ms and more.
 *
 * unified  the group of version 2, for clone3 to put the child into (CLONE_INTO_CGROUP); -1: there is none
 * errors   ERR_SYSTEM
 */
enum err cgroup_enter(const struct cgroups *groups, int *unified, struct why *why) must_check;

/* Remove the groups of a box, by its id. ERR_BUSY a process is still in one: try again. */
enum err cgroup_remove(const struct cgroup_places *places, const char *id, struct why *why) must_check;

/* Remove those of our label whose sandbox is not there: keep(self, id) says. */
void cgroup_collect(const struct cgroup_places *places, bool (*keep)(void *self, struct span id), void *self);

#endif
