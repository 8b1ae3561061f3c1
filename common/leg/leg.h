/* A leg: one end of a connection that passes through, a socket with or without TLS on it. */
#ifndef COMMON_LEG_LEG_H
#define COMMON_LEG_LEG_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/os/loop.h"

struct leg;
struct ssl_st;

#define LEG_UNREAD_MAX 16384

/* A plain leg over a connected, non-blocking stream socket (taken over). */
struct leg *leg_new(struct loop *loop, int fd);

/*
 * Read what is there now, at most room bytes.
 *
 * returns OK with *got > 0; OK with *got == 0: the other side has ended its sending (a clean close_notify under TLS);
 *         ERR_MORE nothing now; anything else: the connection is broken
 */
enum err leg_read(struct leg *leg, void *to, size_t room, size_t *got, struct why *why) must_check;

/* Write what goes now; ERR_MORE: nothing went, wait for room, and then begin with the same bytes (from anywhere). */
enum err leg_write(struct leg *leg, const void *bytes, size_t length, size_t *put, struct why *why) must_check;

/* Say that no more will be written (close_notify, then shutdown of the sending half). */
void leg_finish(struct leg *leg);

/*
 * Call ready(self, events) when there may be something to read (EPOLLIN), room to write (EPOLLOUT), or the end
 * (EPOLLHUP). Bytes that TLS holds decrypted count as readable: ready runs again until leg_read says ERR_MORE.
 * events 0: neither; the end is still told, once. Never called from inside a function of this file.
 */
void leg_watch(struct leg *leg, uint32_t events, void (*ready)(void *self, uint32_t events), void *self);

/* "h2", "http/1.1" or "" as ALPN agreed. */
const char *leg_alpn(const struct leg *leg);
bool leg_tls(const struct leg *leg);
struct ssl_st *leg_ssl(const struct leg *leg); /* borrowed; NULL: plain */
int leg_fd(const struct leg *leg);	       /* for splice and MSG_PEEK, without TLS only */

/* Put bytes back in front of what leg_read returns next (what a sniffer looked at). At most LEG_UNREAD_MAX. */
enum err leg_unread(struct leg *leg, struct span bytes, struct why *why) must_check;

/*
 * Speak TLS from here on. Nothing else may be done with the leg but leg_close until done has run: later, from the
 * loop, once. It may close the leg.
 *
 * ssl   taken over; its state (accept or connect) is set
 * done  OK, ERR_TIMEOUT past deadline_ms, ERR_UNAVAILABLE the other side went, ERR_PROTOCOL it speaks nothing of
 *       what ALPN offered, ERR_INVALID with what OpenSSL or the verification said
 */
void leg_handshake(struct leg *leg, struct ssl_st *ssl, uint32_t deadline_ms,
    void (*done)(void *self, enum err r, const struct why *why), void *self);

void leg_close(struct leg *leg); /* and free; NULL does nothing */

#endif
