/* Walls: what each one is called, how it is reported, and which ones a sandbox may not start without. */
#ifndef SANDBOX_SUPERVISOR_WALLS_H
#define SANDBOX_SUPERVISOR_WALLS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define WALLS_MAX	32
#define WALL_TEXT_BYTES 512

/* Reports, "NAME=enforced", "NAME=partial: why", "NAME=absent: why"; one of each name. */
struct walls {
	char text[WALLS_MAX][WALL_TEXT_BYTES];
	size_t n;
};

/* Report a wall; a later report of the same name replaces the earlier. Past WALLS_MAX it is dropped. */
void wall_enforced(struct walls *walls, const char *name);
void wall_partial(struct walls *walls, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void wall_absent(struct walls *walls, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Enforced when ok, otherwise absent for that reason. */
void wall_check(struct walls *walls, const char *name, bool ok, const struct why *why);

/* Take over reports made by someone else; what is no report, or too long, is dropped. */
void walls_add(struct walls *walls, const struct span *reports, size_t n);

/* The reports as spans in the arena, borrowed from walls; NULL past its ceiling. */
struct span *walls_spans(const struct walls *walls, struct arena *arena);

/* Is it reported as enforced? */
bool wall_stands(const struct walls *walls, const char *name);

/*
 * Do all walls stand that are always required (docs/architecture.md, section 5)? Of mount_view and landlock one is
 * enough, unless hard.
 *
 * hard    the policy says hard_requirement: landlock must be enforced as well
 * errors  ERR_STATE naming the first that does not, with its report
 */
enum err walls_required(const struct walls *walls, bool hard, struct why *why) must_check;

#endif
