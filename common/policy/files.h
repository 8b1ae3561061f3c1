/* The policy's static sections: which files, how strictly, and as whom; read from its wire form, with defaults. */
#ifndef COMMON_POLICY_FILES_H
#define COMMON_POLICY_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define POLICY_PATHS_MAX      256 /* as the author wrote them, both lists together */
#define POLICY_PATH_MAX_BYTES 4096
#define POLICY_ID_SANDBOX     1000 /* what the word "sandbox" means for user and group */

/* One path below which files may be read, or written too. */
struct policy_path {
	struct span path; /* absolute; no "." or "..", no double or last slash; NUL-terminated */
	bool write;
	bool baseline; /* not from the author: leave it out where it does not exist, whatever hard_requirement says */
};

/* Sections filesystem, landlock and process of a SandboxPolicy. */
struct policy_files {
	bool include_workdir;  /* the workspace may be written */
	bool hard_requirement; /* a path that cannot be enforced stops the start */
	uint32_t uid, gid;     /* what the agent sees itself as */
	struct policy_path *paths;
	size_t paths_n;
	bool network; /* there are network rules: somebody must enforce them */
};

/*
 * Read them from an openshell.sandbox.v1.SandboxPolicy.
 *
 * A policy with no filesystem section means: the workspace, and the baseline. The baseline is also added where there
 * is any network policy. A path of the author's is never widened by it.
 *
 * arena   holds all that out points to
 * out     untouched on failure
 * errors  ERR_SYNTAX not such a message; ERR_INVALID a value that breaks a rule, with the field named; ERR_LIMIT the
 *         arena's ceiling
 */
enum err policy_files_read(
    struct span policy, struct arena *arena, struct policy_files *out, struct why *why) must_check;

/* What every program needs to run at all and to use the network; added where it exists. */
#define POLICY_BASELINE_N 8
extern const struct policy_baseline {
	const char *path;
	bool write;
} policy_baseline[POLICY_BASELINE_N];

/*
 * May this path be listed? write: as one to write below. ERR_INVALID: too long, not absolute, with "..", or the root to
 * write.
 */
enum err policy_path_check(struct span path, bool write, struct why *why) must_check;

/* A user or group: "sandbox", nothing (NULL, "") or a decimal id from 1 to 4294967294. */
enum err policy_id_read(const char *text, uint32_t *out, struct why *why) must_check;

#endif
