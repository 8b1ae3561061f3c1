/* JSON, strictly (RFC 8259): a text is checked once as a whole, then walked where it lies; no tree, no copy. */
#ifndef COMMON_WIRE_JSON_H
#define COMMON_WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define JSON_DEPTH_MAX 128   /* arrays and objects within each other */
#define JSON_NAMES_MAX 65536 /* member names of all objects that are open at one place of the text */

enum json_kind {
	JSON_KIND_NONE,
	JSON_KIND_NULL,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};

/* A value of a checked text; all zero: there is none. */
struct json {
	enum json_kind kind;
	struct span text; /* as it stands there, without the space around it; of a string with its quotes */
};

/*
 * Check a text, which is one value with nothing but space around it.
 *
 * out     borrowed from the text, as all that is read from it below; untouched unless OK
 * errors  ERR_SYNTAX with the byte's number: not JSON, not UTF-8, a byte order mark, half of a surrogate pair, a member
 *         name twice in one object however it is spelled (S18); ERR_LIMIT past JSON_DEPTH_MAX or JSON_NAMES_MAX
 */
enum err json_read(struct span text, struct json *out, struct why *why) must_check;

/* The value that a checked text begins with, after space. */
struct json json_first(struct span text);

/* What is still to come of an array or object; of any other value nothing. */
struct json_walk {
	struct span rest;
	bool members;
};

struct json_walk json_walk(struct json value);

/*
 * The next item; false at the end.
 *
 * name    of a member, a string; JSON_KIND_NONE in an array. May be NULL
 */
bool json_next(struct json_walk *walk, struct json *name, struct json *value);

/* How many values an array of requests has. ERR_SYNTAX none; ERR_LIMIT more than max. */
enum err json_batch(struct json array, size_t max, size_t *out, struct why *why) must_check;

/*
 * The members of an object that the caller wants, in one pass.
 *
 * names   what they are called, in ASCII
 * out     as many; JSON_KIND_NONE where there is no such member. Untouched unless OK
 * errors  ERR_SYNTAX a member that is called so only when case is ignored: some readers take it, some do not
 */
enum err json_pick(
    struct json object, const char *const *names, size_t names_n, struct json *out, struct why *why) must_check;

/* The member of that very name; JSON_KIND_NONE when there is none, or the value is no object. */
struct json json_get(struct json object, const char *name);

/*
 * What a string says: UTF-8, which may hold NUL (\u0000).
 *
 * out     borrowed from the text when it holds no escape, else in the arena
 * errors  ERR_LIMIT past the arena's ceiling; ERR_INVALID it is no string
 */
enum err json_unescape(struct json string, struct arena *arena, struct span *out, struct why *why) must_check;

/* Is it a string that says this? */
bool json_is(struct json string, const char *text);

/* Is it a number without fraction and exponent? */
bool json_whole(struct json value);

/* "a string", "an object" ..., for messages. */
const char *json_kind_name(enum json_kind kind);

#endif
