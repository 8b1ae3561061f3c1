/* Files of the place that the agent comes from, read before it runs: name servers, names of hosts, trust anchors. */
#ifndef SANDBOX_SUPERVISOR_HOSTFILES_H
#define SANDBOX_SUPERVISOR_HOSTFILES_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define RESOLVERS_MAX 8
#define HOSTS_MAX     4096

/* As in proxy_setup of bus.def. */
struct hostfiles {
	struct span resolvers[RESOLVERS_MAX]; /* addresses */
	size_t resolvers_n;
	struct span *hosts; /* an address, one space, one name; HOSTS_MAX at most */
	size_t hosts_n;
	bool hosts_cut; /* there were more */
};

/*
 * Read the name servers of a resolv.conf(5). Numeric addresses only, without scope; what else stands there is passed
 * over, and so is what follows RESOLVERS_MAX. None: 127.0.0.1, as resolvers do.
 *
 * errors  ERR_LIMIT the arena's ceiling
 */
enum err resolvers_parse(struct span text, struct arena *arena, struct hostfiles *out, struct why *why) must_check;

/* Read a hosts(5) file, each name of a line apart, in lower case; a line that is none is passed over. errors as above. */
enum err hosts_parse(struct span text, struct arena *arena, struct hostfiles *out, struct why *why) must_check;

/*
 * Read both below a root directory. A file that is not there, is no plain file or has more than 1 MiB counts as empty.
 *
 * arena   holds what out points to
 * errors  ERR_LIMIT the arena's ceiling
 */
enum err hostfiles_read(int root_fd, struct arena *arena, struct hostfiles *out, struct why *why) must_check;

/* The system's trust anchors below a root directory, a PEM file; -1 when there is none. The caller closes. */
int hostfiles_anchors(int root_fd);

/*
 * A copy of them, at most 4 MiB, that whoever gets the descriptor can read and not change: proxy and router share it, and
 * what the proxy would write there the router would trust. Empty when there are none.
 *
 * out     the caller's, close-on-exec
 * errors  ERR_SYSTEM no memory for it
 */
enum err hostfiles_anchors_copy(int root_fd, int *out, struct why *why) must_check;

/* Where systems have them, from the root without the first slash; ends with NULL. */
extern const char *const hostfiles_anchor_paths[];

#endif
