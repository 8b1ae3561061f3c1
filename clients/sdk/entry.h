/* One gateway as a client knows it: its name, its endpoint, how to log in; and what is right for each. */
#ifndef CLIENTS_SDK_ENTRY_H
#define CLIENTS_SDK_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* One gateway as metadata.json has it; texts are the arena's, NULL where the file has none. */
struct gateway {
	const char *name;
	const char *endpoint;  /* http://host:port or https://host:port */
	const char *auth_mode; /* plaintext, mtls, oidc, cloudflare_jwt */
	const char *remote_host, *resolved_host;
	bool is_remote;
	uint16_t port;
	bool system; /* from the system's directory: cannot be removed */
	bool stored; /* has a metadata.json */
};

/* One path component: not empty, at most 255 bytes, no slash or control byte, not "." or "..". */
enum err gateway_name_check(struct span name, struct why *why) must_check;

/* http or https, a host, at most a port; no path, no user. ERR_INVALID says what is wrong. */
enum err gateway_endpoint_check(struct span endpoint, struct why *why) must_check;

/* The host of an endpoint, brackets of IPv6 removed; empty when it is none. */
struct span gateway_host(const char *endpoint);

/* 127.0.0.0/8, ::1 or localhost. */
bool gateway_host_loopback(struct span host);

#endif
