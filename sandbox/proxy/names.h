/* Names: which synthetic address stands for which name, so that a connection carries the name it was made for. */
#ifndef SANDBOX_PROXY_NAMES_H
#define SANDBOX_PROXY_NAMES_H

#include "common/base/err.h"
#include "common/policy/destination.h"

#define NAMES_MAX   1024
#define NAMES_TTL_S 30 /* of the answers */

struct names;
struct name;

struct names *names_new(void);
void names_free(struct names *names);

/*
 * The address of a name, a new one of 198.18.0.0/15 where it has none. An address goes to another name only when its
 * last answer has been out of date for a minute and no connection uses it; and then as late as possible.
 *
 * name    lower case, at most 253 bytes
 * now_ms  clock_ms()
 * fresh   it was not there before
 * errors  ERR_LIMIT all are in use
 */
enum err names_give(struct names *names, const char *name, uint64_t now_ms, struct address *out, bool *fresh,
    struct why *why) must_check;

/* A name that an earlier proxy gave out; false: not one of our addresses, or it is taken. */
bool names_restore(struct names *names, const struct address *address, const char *name, uint64_t now_ms);

bool names_synthetic(const struct address *address);

/* The name of a synthetic address, used by one more connection; NULL: it stands for none. */
struct name *names_use(struct names *names, const struct address *address);
const char *name_text(const struct name *name);
void names_release(struct names *names, struct name *name); /* NULL does nothing */

/* "198.18.0.1 example.org" of each, as proxy_names carries them. */
size_t names_count(const struct names *names);

#endif
