/* sock_diag: which socket of the agent is the other end of an accepted connection (sock_diag(7)). */
#ifndef SANDBOX_POLICYD_DIAG_H
#define SANDBOX_POLICYD_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/*
 * The two ends of a TCP socket as its owner sees them. Addresses of 4 or 16 bytes, both alike; IPv4 may be mapped.
 * With datagrams it is the UDP socket that has the local port and may send there, connected or not.
 */
struct diag_ends {
	struct span local, remote;
	uint16_t local_port, remote_port;
	bool datagrams;
};

/* The request, written; at most DIAG_REQUEST_BYTES. errors: ERR_INVALID the addresses are none. */
#define DIAG_REQUEST_BYTES 128
enum err diag_request(const struct diag_ends *ends, uint32_t sequence, char to[DIAG_REQUEST_BYTES], size_t *length,
    struct why *why) must_check;

/*
 * The answer, read.
 *
 * out     inode of the socket
 * errors  ERR_MORE it is an answer to another request; ERR_NOT_FOUND there is no such connected socket; ERR_PROTOCOL
 */
enum err diag_answer(
    struct span bytes, const struct diag_ends *ends, uint32_t sequence, uint64_t *out, struct why *why) must_check;

/*
 * Ask the kernel. It answers before sendto returns, so nothing here waits.
 *
 * fd        NETLINK_SOCK_DIAG, made in the agent's network namespace
 * sequence  grows with each request
 * errors    as diag_answer; ERR_SYSTEM
 */
enum err diag_find(int fd, uint32_t *sequence, const struct diag_ends *ends, uint64_t *out, struct why *why) must_check;

#endif
