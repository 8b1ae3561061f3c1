/* The Google metadata emulator: its listener at 127.0.0.1:8174 inside the agent's network, one request a connection. */
#ifndef SANDBOX_PROXY_METADATA_H
#define SANDBOX_PROXY_METADATA_H

#include "common/bus/peer.h"

#define METADATA_CONNECTIONS_MAX 32
#define METADATA_REQUEST_BYTES	 4096
#define METADATA_REQUEST_MS	 5000

struct metadata;
struct proxy;

/* Take the listener over and accept. */
enum err metadata_new(struct proxy *proxy, int fd, struct metadata **out, struct why *why) must_check;
void metadata_free(struct metadata *metadata);

/* From the supervisor. */
handler metadata_set;

#endif
