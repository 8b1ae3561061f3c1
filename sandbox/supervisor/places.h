/* Places: which of the root's directories and files the policy shares, and which it may not; no mounting here. */
#ifndef SANDBOX_SUPERVISOR_PLACES_H
#define SANDBOX_SUPERVISOR_PLACES_H

#include "common/base/arena.h"
#include "common/bus/message.h"

enum place_kind {
	PLACE_SHARED,  /* bound from the root */
	PLACE_PRIVATE, /* an empty directory of the sandbox's own, whatever the root has there */
	PLACE_OURS,    /* /proc, /dev, /sandbox: made for every sandbox */
	PLACE_MISSING, /* skipped; never with hard_requirement */
};

/* One path of the policy, resolved in the root. */
struct place {
	const char *asked; /* as the policy names it */
	const char *path;  /* the same without symbolic links: where it is in the view */
	const char *base;  /* of PLACE_PRIVATE: the private directory that it is, or is below */
	enum place_kind kind;
	bool write;
	bool device;
	int fd; /* O_PATH, of PLACE_SHARED; owned */
};

/* A symbolic link that a path of the policy goes through, or one at the top of the root (/bin -> usr/bin). */
struct place_link {
	const char *path, *target;
};

struct places {
	struct place *items; /* sorted by path: what is above comes first; one item a path */
	size_t n;
	struct place_link *links;
	size_t links_n;
	const char **hidden; /* in the view below a shared directory, to be covered */
	size_t hidden_n;
};

/*
 * Resolve the policy's paths below the setup's root.
 *
 * arena   holds what out points to
 * errors  ERR_INVALID a path that may not be shared; ERR_NOT_FOUND missing, with hard_requirement; ERR_SYSTEM
 */
enum err places_find(const struct msg_spawner_setup *setup, int root_fd, struct arena *arena, struct places *out,
    struct why *why) must_check;

/* Close what it holds. */
void places_done(struct places *places);

/* The shared place that holds path, the nearest; NULL when there is none. */
const struct place *places_shared_at(const struct places *places, const char *path);

/* Is path equal to or below above ("/" is above all)? */
bool path_within(const char *path, const char *above);

#endif
