/* check: the limits of what callers may ask for; each refusal names field, value and what is allowed. Pure. */
#ifndef API_CHECK_H
#define API_CHECK_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

#define CHECK_NAME_BYTES      19
#define CHECK_PAIRS_MAX	      128
#define CHECK_POLICY_BYTES    262144u
#define CHECK_SPEC_BYTES      786432u
#define CHECK_SELECTOR_MAX    64
#define CHECK_TIMEOUT_SECONDS 31536000u /* a year */

/* An entry of a map<string, string>. */
struct pair {
	struct span key, value;
};

/* Entries of any such map: protobuf-c gives each map a type of its own, all of them alike. */
#define pairs_of(arena, entries, n, out, out_n, why)                                                                   \
	pairs_read((arena), (n) == 0 ? NULL : (const void *const *)(entries), (n), (out), (out_n), (why))

/* At most CHECK_PAIRS_MAX entries, of a key that is there twice the last (protobuf.dev, "Maps"). */
enum err pairs_read(struct arena *arena, const void *const *entries, size_t n, struct pair **out, size_t *out_n,
    struct why *why) must_check;

/* "KEY=value" for each, as the bus carries them. */
enum err pairs_texts(
    struct arena *arena, const struct pair *pairs, size_t n, struct span **out, struct why *why) must_check;

/* A sandbox's or workspace's name: 1 to 19 of a-z 0-9 -, no hyphen first or last, no two together. */
enum err check_name(const char *field, struct span name, struct why *why) must_check;

/* Kubernetes' syntax; values of annotations are free text of at most 64 KiB with their key. */
enum err check_labels(const char *field, const struct pair *pairs, size_t n, struct why *why) must_check;
enum err check_annotations(const char *field, const struct pair *pairs, size_t n, struct why *why) must_check;

/*
 * Variables: names of letters, digits and _, none with the prefix OPENSHELL_ (but OPENSHELL_PYFUNC_B64 for an exec),
 * values without line ends.
 */
enum check_variables { CHECK_MAIN, CHECK_EXEC };
enum err check_environment(
    const char *field, const struct pair *pairs, size_t n, enum check_variables whose, struct why *why) must_check;

/* Arguments: how many, each at most 32 KiB, 256 KiB together. */
enum err check_command(const char *field, char *const *command, size_t n, size_t n_max, struct why *why) must_check;

/* "k=v,k=v" into "KEY=value" texts; an empty selector has none. */
enum err check_selector(
    struct arena *arena, struct span selector, struct span **out, size_t *out_n, struct why *why) must_check;

/* "500m", "2", "0.5" cores; thousandths, 1 to 1024000. */
enum err check_cpu(const char *field, struct span text, uint32_t *milli, struct why *why) must_check;

/* "512Mi", "1G", "1073741824"; bytes, at least 1. */
enum err check_memory(const char *field, struct span text, uint64_t *bytes, struct why *why) must_check;

/* What the bus wants to know of a spec, apart from its bytes. */
struct wanted {
	struct span image;
	struct span *command, *environment, *providers;
	size_t command_n, environment_n, providers_n;
	struct span policy; /* encoded */
	uint32_t cpu_milli;
	uint64_t memory_bytes;
};

/*
 * Check a spec whose command has been completed.
 *
 * out     in the arena, or borrowed from the spec
 * errors  ERR_INVALID a limit; ERR_STATE something that this gateway has not: GPUs, driver settings
 */
enum err check_spec(
    struct arena *arena, const Openshell__V1__SandboxSpec *spec, struct wanted *out, struct why *why) must_check;

/* An ExecSandboxRequest, but for whether its sandbox exists. */
enum err check_exec(struct arena *arena, const Openshell__V1__ExecSandboxRequest *request, struct span **environment,
    size_t *environment_n, struct why *why) must_check;

/* A sandbox's id as callers write it: ERR_INVALID when empty, ERR_NOT_FOUND when it is no UUID. */
enum err check_id(const char *field, struct span text, struct id *out, struct why *why) must_check;

#endif
