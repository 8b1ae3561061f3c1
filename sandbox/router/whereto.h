/* Where a request goes: host, addresses and the operator's proxy, path and query, read strictly. */
#ifndef ROUTER_WHERETO_H
#define ROUTER_WHERETO_H

#include "common/bus/message.h"
#include "sandbox/router/filled.h"

/*
 * Host, port, addresses and proxy into out; path and query are looked at, not filled in yet.
 *
 * errors  ERR_INVALID what is no host, no address, not canonical, or would be read as something else; ERR_LIMIT
 */
enum err whereto_read(const struct msg_route_open *in, struct request *out, struct why *why) must_check;

#endif
