/* Packets that the fence refused, as nfnetlink_log tells them. Pure. */
#ifndef SANDBOX_POLICYD_REFUSAL_H
#define SANDBOX_POLICYD_REFUSAL_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct refusal {
	uint32_t sequence;		     /* counts what was refused, told or not */
	uint8_t protocol;		     /* of IP */
	uint8_t address_bytes;		     /* 4 or 16 */
	uint8_t source[16], destination[16]; /* as they were sent */
	uint16_t source_port, port;	     /* of TCP and UDP; otherwise 0 */
};

/*
 * Take the next one out of a datagram. Messages of other kinds are passed over.
 *
 * rest    the datagram; what stays of it. Untouched by an error
 * errors  ERR_NOT_FOUND there is none left; ERR_PROTOCOL
 */
enum err refusal_next(struct span *rest, struct refusal *out, struct why *why) must_check;

#endif
