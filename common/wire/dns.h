/* DNS (RFC 1035, 6891): an agent's question in, our answer out. Asking upstream is c-ares' work, not done here. */
#ifndef COMMON_WIRE_DNS_H
#define COMMON_WIRE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/wire/host_name.h"

#define DNS_MESSAGE_BYTES  4096 /* longest query that is read */
#define DNS_ANSWER_BYTES   512	/* no answer is longer */
#define DNS_QUESTION_BYTES 259	/* a name on the wire with its type and class */

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };
enum dns_code { DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4, DNS_REFUSED = 5 };

struct dns_query {
	uint16_t id, type;
	char name[HOST_NAME_BYTES];	      /* lower case, no dot at its end */
	bool recursion, edns;		      /* RD was set; an OPT record came with it */
	uint8_t question[DNS_QUESTION_BYTES]; /* as sent, for the answer */
	size_t question_bytes;
};

/*
 * Read a query: one question of class IN, nothing else but one OPT record.
 *
 * message  without the length that stands before it over TCP
 * errors   what to do besides: ERR_SYNTAX answer FORMERR; ERR_UNIMPLEMENTED (opcode, class) NOTIMP; ERR_DENIED (the
 *          name has not the form of S3) REFUSED, each by dns_refuse; ERR_INVALID (an answer, no whole header, over
 *          DNS_MESSAGE_BYTES) drop it
 */
enum err dns_query_read(struct span message, struct dns_query *out, struct why *why) must_check;

/*
 * Write an answer.
 *
 * address  4 bytes for one A record with NOERROR; NULL: no record
 * ttl_s    of that record
 * returns  its length
 */
size_t dns_answer_write(const struct dns_query *query, enum dns_code code, const uint8_t *address, uint32_t ttl_s,
    uint8_t to[DNS_ANSWER_BYTES]);

/* Answer a message that could not be read, by its header alone: returns 12, or 0 when it must not be answered at all.
 */
size_t dns_refuse(struct span message, enum dns_code code, uint8_t to[DNS_ANSWER_BYTES]);

/* What a failure of dns_query_read is answered with; only for those that are answered. */
enum dns_code dns_code_of(enum err failure);

#endif
