/* A name server as the supervisor writes it. Pure. */
#ifndef COMMON_RESOLVE_NAME_SERVER_H
#define COMMON_RESOLVE_NAME_SERVER_H

#include "common/policy/destination.h"

struct name_server {
	struct address address;
	uint16_t port;
};

/* "address", "address:port" or "[address]:port"; out untouched unless OK. ERR_SYNTAX, ERR_RANGE the port. */
enum err name_server_parse(struct span text, struct name_server *out, struct why *why) must_check;

#endif
