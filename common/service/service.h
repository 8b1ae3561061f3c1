/* Services: what every daemon of the gateway is given by its parent, how it says that it serves, and its links. */
#ifndef COMMON_SERVICE_SERVICE_H
#define COMMON_SERVICE_SERVICE_H

#include <sys/types.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/bus/curve.h"
#include "common/os/jail.h"
#include "common/service/settings.h"

#define SERVICE_ROSTER_MAX 32
#define SERVICE_PATH_BYTES 1024

/*
 * Descriptors that the parent hands over; keep SERVICE_FD_SETTINGS to SERVICE_FD_READY open in the jail. service_load
 * closes the first, for it holds secrets; what is opened next may take its number.
 */
enum {
	SERVICE_FD_SETTINGS = 3, /* YAML in a sealed memfd */
	SERVICE_FD_LISTEN = 4,	 /* api: its listening socket */
	SERVICE_FD_READY = 5,	 /* a pipe: "ready\n" or "failed: words\n" */
};

/* Another process on the bus. */
struct service_peer {
	enum role role;
	char name[PEER_NAME_BYTES];
	uint8_t key[32];
	char endpoint[ENDPOINT_BYTES]; /* to be dialled; empty: it dials us */
};

struct service_roster {
	size_t count;
	struct service_peer at[SERVICE_ROSTER_MAX];
};

/* The settings that all services have. */
struct service_config {
	char process[PEER_NAME_BYTES];	  /* own name, in logs and hello */
	char run_dir[SERVICE_PATH_BYTES]; /* root directory of the jail; ipc paths are counted from it */
	uid_t uid;			  /* to become; 0 stays */
	gid_t gid;
	enum log_level log_level;
	uint32_t ready_fd; /* 0: nobody waits */
	struct secret bus_secret;
	struct service_roster roster;
};

extern const struct setting service_settings[];

/*
 * Read the settings of a service. Takes --config FILE (to run it by hand) or --settings-fd N; with neither,
 * descriptor 3 when it is a sealed memfd. --foreground changes nothing. --help and --version print and exit.
 * Opens the log under the process's name and level. Call it first in main, before the jail.
 *
 * rows     the service's own table; may hold only {0}
 * config   the struct that its rows fill; one of its members may be *service, with no row of its own
 * errors   one sentence; main logs it with log_failure, calls service_failed and ends
 */
enum err service_load(struct service_config *service, const struct setting *rows, void *config, int argc, char **argv,
    struct why *why) must_check;

/*
 * Tell the parent that this service serves now, and from here on die with it (PR_SET_PDEATHSIG). Once; closes ready_fd.
 * Ends the process when the parent is gone already. Does nothing without ready_fd.
 */
void service_ready(struct service_config *service);

/* The same, with what a person who starts the gateway should know: the service waits for something. */
void service_ready_but(struct service_config *service, const char *words);

/* Tell the parent why it never will. Closes ready_fd. */
void service_failed(struct service_config *service, const struct why *why);

/* Enter the daemon's jail (common/os/jail.h): with run_dir as its root, and as the service's user and group. */
enum err service_jail(const struct jail *jail, const struct service_config *service, struct why *why) must_check;

/* common/service/links.c: after the jail.
 *
 * Take up the bus with the service's own key and roster, and dial every peer that has an endpoint. The dialled peers
 * are found with bus_peer(bus, role, NULL).
 */
enum err service_links(
    struct curve **out, struct bus *bus, const struct service_config *service, struct why *why) must_check;

/*
 * Serve at an endpoint (see curve_bind). The socket can be reached by processes of other users: its directory and
 * CURVE are the walls.
 */
enum err service_bind(struct curve *curve, const char *endpoint, bool strangers, struct why *why) must_check;

#endif
