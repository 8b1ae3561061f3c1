/* The pump: the only place that reads from and writes to a client's or server's socket. */
#include "common/rpc/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/tls.h"

#define READ_BYTES PUMP_LARGE_BYTES /* a TLS record holds no more, so none is left behind inside OpenSSL */
#define READS_MAX  16		    /* in one turn of the loop: others want to be served too */

static bool
try_again(int number)
{
	return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

/* OpenSSL reads and writes through these, because its own would raise SIGPIPE. */
static int
bio_read(BIO *bio, char *to, int size)
{
	struct pump *pump = BIO_get_data(bio);
	ssize_t n = recv(pump->fd, to, (size_t)size, 0);

	BIO_clear_retry_flags(bio);
	if (n < 0 && try_again(errno))
		BIO_set_retry_read(bio);
	pump->ended = n == 0;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *from, int size)
{
	struct pump *pump = BIO_get_data(bio);
	ssize_t n = send(pump->fd, from, (size_t)size, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0 && try_again(errno))
		BIO_set_retry_write(bio);
	return (int)n;
}

static long
bio_control(BIO *bio, int command, long number, void *at)
{
	struct pump *pump = BIO_get_data(bio);

	(void)number, (void)at;
	if (command == BIO_CTRL_EOF)
		return pump->ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO *
bio_new(struct pump *pump)
{
	static BIO_METHOD *method; /* a table that OpenSSL only builds at run time */
	BIO *bio;

	if (method == NULL) {
		if ((method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pump")) == NULL)
			abort();
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_control);
	}
	if ((bio = BIO_new(method)) == NULL)
		abort();
	BIO_set_data(bio, pump);
	BIO_set_init(bio, 1);
	return bio;
}

static void
pump_fail(struct pump *pump)
{
	pump->state = PUMP_CLOSED;
	loop_remove(pump->loop, &pump->watch);
}

/* Did an operation that returned r only want to wait? Otherwise why says what happened. */
static bool
plain_waits(struct pump *pump, ssize_t r)
{
	if (r < 0 && try_again(errno))
		return true;
	if (r < 0)
		(void)fail(&pump->why, ERR_UNAVAILABLE, "%s", strerror(errno));
	else
		(void)fail(&pump->why, ERR_UNAVAILABLE, "the other side closed the connection");
	return false;
}

static bool
tls_waits(struct pump *pump, int r)
{
	int kind = SSL_get_error(pump->ssl, r);

	pump->read_wants_write = kind == SSL_ERROR_WANT_WRITE;
	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
		return true;
	tls_why(pump->ssl, r, &pump->why);
	return false;
}

/* Bytes read; 0: none now, or the pump is closed. */
static size_t
pump_receive(struct pump *pump, char *to, size_t size)
{
	bool waits;
	ssize_t n;

	ERR_clear_error();
	pump->read_wants_write = false;
	n = pump->ssl == NULL ? recv(pump->fd, to, size, 0) : SSL_read(pump->ssl, to, (int)size);
	if (n > 0)
		return (size_t)n;
	waits = pump->ssl == NULL ? plain_waits(pump, n) : tls_waits(pump, (int)n);
	if (!waits)
		pump_fail(pump);
	return 0;
}

static void
record_set(struct pump *pump)
{
	SSL_set_max_send_fragment(pump->ssl, pump_record(pump));
	SSL_set_split_send_fragment(pump->ssl, pump_record(pump));
}

static void
sent(struct pump *pump, size_t n)
{
	bool was_small = pump->sent < PUMP_SMALL_UNTIL;

	pump->sent += n;
	if (was_small && pump->sent >= PUMP_SMALL_UNTIL && pump->ssl != NULL)
		record_set(pump);
}

/*
 * Bytes sent; 0: none now. A broken way out is not yet the end: the other side's last words (a TLS alert that tells
 * what it did not like) may wait to be read, so reading finds the end.
 */
static size_t
pump_send(struct pump *pump, struct span bytes)
{
	bool waits;
	ssize_t n;

	ERR_clear_error();
	bytes = span_head(bytes, pump_record(pump));
	if (pump->ssl == NULL)
		n = send(pump->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
	else
		n = SSL_write(pump->ssl, bytes.at, (int)bytes.length);
	if (n > 0) {
		sent(pump, (size_t)n);
		return (size_t)n;
	}
	waits = pump->ssl == NULL ? plain_waits(pump, n) : tls_waits(pump, (int)n);
	pump->read_wants_write = false;
	pump->broken = !waits;
	return 0;
}

static void
pump_interest(struct pump *pump)
{
	bool write = pump->out.length > 0 || pump->read_wants_write;

	if (pump->state == PUMP_CLOSED)
		return;
	if (pump->state == PUMP_HANDSHAKE)
		write = pump->ssl != NULL && SSL_want_write(pump->ssl);
	loop_change(pump->loop, &pump->watch, (pump->held ? 0u : EPOLLIN) | (write ? EPOLLOUT : 0u));
}

void
pump_flush(struct pump *pump)
{
	size_t n = 1;

	while (pump->state == PUMP_OPEN && pump->out.length > 0 && n > 0) {
		n = pump->broken ? pump->out.length : pump_send(pump, buffer_span(&pump->out));
		buffer_take(&pump->out, n);
	}
	pump_interest(pump);
}

static void
pump_read(struct pump *pump)
{
	char bytes[READ_BYTES];
	size_t n = sizeof(bytes);

	for (int i = 0; i < READS_MAX && n == sizeof(bytes) && pump->state == PUMP_OPEN && !pump->held; i++) {
		n = pump_receive(pump, bytes, sizeof(bytes));
		if (n > 0)
			pump->bytes(pump->self, span_of_bytes(bytes, n));
		explicit_bzero(bytes, n);
	}
	if (pump->ssl != NULL && pump->state == PUMP_OPEN)
		while (SSL_pending(pump->ssl) > 0 && (n = pump_receive(pump, bytes, sizeof(bytes))) > 0) {
			pump->bytes(pump->self, span_of_bytes(bytes, n));
			explicit_bzero(bytes, n);
		}
}

static void
pump_handshake(struct pump *pump)
{
	int r;

	ERR_clear_error();
	if ((r = SSL_do_handshake(pump->ssl)) == 1) {
		pump->state = PUMP_OPEN;
		pump->changed(pump->self);
		return;
	}
	if (!tls_waits(pump, r))
		pump_fail(pump);
	pump->read_wants_write = false;
}

static void
pump_ready(void *self, uint32_t events)
{
	struct pump *pump = self;
	bool had_bytes = pump->out.length > 0;

	if (pump->state == PUMP_HANDSHAKE)
		pump_handshake(pump);
	if (pump->state == PUMP_OPEN && pump->held && events & (EPOLLHUP | EPOLLERR)) {
		(void)fail(&pump->why, ERR_UNAVAILABLE, "the other side closed the connection");
		pump_fail(pump);
	}
	if (pump->state == PUMP_OPEN && (events & ~(uint32_t)EPOLLOUT || pump->read_wants_write))
		pump_read(pump);
	pump_flush(pump);
	if (pump->state == PUMP_CLOSED || (had_bytes && pump->out.length == 0))
		pump->changed(pump->self);
}

enum err
pump_open(struct pump *pump, struct loop *loop, int fd, SSL *ssl, void (*bytes)(void *, struct span),
    void (*changed)(void *), void *self, struct why *why)
{
	*pump = (struct pump){.loop = loop, .fd = fd, .ssl = ssl, .bytes = bytes, .changed = changed, .self = self};
	pump->state = ssl == NULL ? PUMP_OPEN : PUMP_HANDSHAKE;
	if (ssl != NULL) {
		BIO *bio = bio_new(pump);

		SSL_set_bio(ssl, bio, bio);
		record_set(pump);
	}
	/* EPOLLOUT: a connected socket is writable, so a client's handshake begins in the first turn. */
	return loop_add(loop, &pump->watch, fd, ssl == NULL ? EPOLLIN : EPOLLIN | EPOLLOUT, pump_ready, pump, why);
}

void
pump_hold(struct pump *pump, bool hold)
{
	if (pump->held == hold)
		return;
	pump->held = hold;
	pump_interest(pump);
}

void
pump_shutdown(struct pump *pump)
{
	if (pump->state != PUMP_OPEN)
		return;
	if (pump->ssl != NULL) {
		ERR_clear_error();
		SSL_shutdown(pump->ssl);
		ERR_clear_error();
	}
	shutdown(pump->fd, SHUT_WR);
}

void
pump_close(struct pump *pump)
{
	if (pump->loop == NULL)
		return;
	loop_remove(pump->loop, &pump->watch);
	SSL_free(pump->ssl);
	buffer_done(&pump->out);
	close(pump->fd);
	*pump = (struct pump){0};
}
