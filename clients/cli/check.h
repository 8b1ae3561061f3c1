/* The grammars of flag values: processors, memory, labels, variables, spans of time, names. */
#ifndef CLIENTS_CLI_CHECK_H
#define CLIENTS_CLI_CHECK_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* All answer ERR_SYNTAX with what would be right. */

/* A positive number, as 2 or 0.5, or thousandths, as 500m. */
enum err check_cpu(struct span value, struct why *why);

/* Digits and one of "", Ki Mi Gi Ti Pi Ei, K M G T P E; more than 0. */
enum err check_memory(struct span value, struct why *why);

/* KEY=VALUE with a key. */
enum err check_pair(struct span value, struct why *why);

/* KEY=VALUE, KEY as ^[A-Za-z_][A-Za-z0-9_]*$ and not beginning with OPENSHELL_, VALUE without NUL, CR, LF. */
enum err check_env(struct span value, struct why *why);

/* LOCAL or LOCAL:REMOTE, with a LOCAL. */
enum err check_upload(struct span value, struct why *why);

/* 30s, 5m, 1h, 2d. */
enum err check_since(struct span value, struct why *why);

/* Milliseconds of such a span. */
enum err since_parse(struct span value, uint64_t *out_ms, struct why *why) must_check;

/* A sandbox's name: 1 to 19 of a-z, 0-9 and -, no hyphen at either end, no two in a row. */
enum err check_sandbox(struct span value, struct why *why);

/* A gateway's name, and an endpoint. */
enum err check_gateway(struct span value, struct why *why);
enum err check_gateway_endpoint(struct span value, struct why *why);

#endif
