/* The inside of a leg, for leg_socket.c (sockets, watching) and leg_tls.c (what OpenSSL does). */
#ifndef COMMON_LEG_LEG_INSIDE_H
#define COMMON_LEG_LEG_INSIDE_H

#include "common/leg/leg.h"
#include "common/leg/openssl.h"

struct leg {
	struct loop *loop;
	int fd;
	SSL *ssl; /* NULL: plain */
	struct watch watch;
	struct timer again; /* there are bytes of which epoll does not know */
	uint32_t wanted;
	void (*ready)(void *self, uint32_t events);
	void *self;
	char *unread;
	size_t unread_at, unread_length;
	bool held;	      /* TLS may have more: the last read gave bytes and left some */
	bool read_needs_room; /* TLS must write before it can read, and the other way round */
	bool write_needs_bytes;
	bool finishing; /* close_notify waits for room */
	bool abandoned; /* finished in the middle of the handshake */
	bool hung_up;	/* the end was told: not again before leg_watch */
	void (*shaken)(void *self, enum err r, const struct why *why); /* during the handshake */
	void *shaken_self;
	struct timer deadline;
};

/* Watch for what is wanted now. */
void leg_arm(struct leg *leg);

enum err leg_tls_read(struct leg *leg, void *to, size_t room, size_t *got, struct why *why) must_check;
enum err leg_tls_write(struct leg *leg, const void *bytes, size_t length, size_t *put, struct why *why) must_check;

/* Send close_notify; false: there is no room yet. */
bool leg_tls_finish(struct leg *leg);

void leg_tls_free(struct leg *leg);

/* One step of the handshake; the leg may be gone afterwards. */
void leg_tls_shake(struct leg *leg);

#endif
