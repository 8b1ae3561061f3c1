/* The pump: moves bytes between a socket and its owner, through TLS or as they are; server and client share it. */
#ifndef COMMON_RPC_PUMP_H
#define COMMON_RPC_PUMP_H

#include "common/os/loop.h"
#include "common/rpc/buffer.h"
#include "common/rpc/openssl.h"

/*
 * What is sent begins in small records: a peer that stops reading soon leaves little behind, here and in OpenSSL (which
 * keeps a whole record that the socket did not take). The longer it reads the larger they are.
 */
#define PUMP_SMALL_BYTES 4096
#define PUMP_LARGE_BYTES 16384	    /* most that a TLS record holds */
#define PUMP_SMALL_UNTIL (1u << 20) /* so much is sent in small ones */

enum pump_state { PUMP_HANDSHAKE, PUMP_OPEN, PUMP_CLOSED };

/* Lives in its owner's struct. Neither callback may call pump_close. */
struct pump {
	struct loop *loop;
	struct watch watch;
	int fd;
	SSL *ssl;	   /* NULL: plaintext */
	struct buffer out; /* bytes for pump_flush to send */
	uint64_t sent;
	enum pump_state state;
	struct why why; /* when PUMP_CLOSED: the reason */
	bool read_wants_write, ended, broken, held;
	void (*bytes)(void *self, struct span bytes);
	void (*changed)(void *self); /* the state changed, or out is empty again */
	void *self;
};

/*
 * Begin on a connected, non-blocking socket.
 *
 * fd, ssl  taken over, also on failure; ssl may be NULL
 */
enum err pump_open(struct pump *pump, struct loop *loop, int fd, SSL *ssl, void (*bytes)(void *, struct span),
    void (*changed)(void *), void *self, struct why *why) must_check;

/* Bytes of the records that are sent now; put no more than about this into out before pump_flush. */
static inline size_t
pump_record(const struct pump *pump)
{
	return pump->sent < PUMP_SMALL_UNTIL ? PUMP_SMALL_BYTES : PUMP_LARGE_BYTES;
}

/* Send what is in out, as far as the socket takes it; the rest goes by itself. Calls nothing back. */
void pump_flush(struct pump *pump);

/* Read no more for now, or again: the other side is held back behind its socket. */
void pump_hold(struct pump *pump, bool hold);

/* Say that nothing more will be sent; bytes still come in. */
void pump_shutdown(struct pump *pump);

/* Close and free; also when it was never opened (all zero). */
void pump_close(struct pump *pump);

#endif
