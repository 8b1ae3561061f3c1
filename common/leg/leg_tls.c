/* What OpenSSL does on a leg: the handshake, and records in place of bytes. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/leg/leg_inside.h"
#include "common/leg/openssl.h"

/* Why an operation failed for good; the queue of errors is empty afterwards. */
static enum err
broken(struct leg *leg, int error, const char *what, struct why *why)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);
	long verified = SSL_get_verify_result(leg->ssl);
	int number = errno;

	ERR_clear_error();
	if (error == SSL_ERROR_SYSCALL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return fail(why, ERR_UNAVAILABLE, "%s: %s", what,
		    error != SSL_ERROR_SYSCALL || number == 0 ? "the connection ended" : strerror(number));
	if (ERR_GET_REASON(code) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
		return fail(why, ERR_PROTOCOL, "%s: the other side speaks nothing of what was offered", what);
	if (verified != X509_V_OK)
		return fail(why, ERR_INVALID, "%s: %s", what, X509_verify_cert_error_string(verified));
	return fail(why, ERR_INVALID, "%s: %s", what, reason == NULL ? "failed" : reason);
}

enum err
leg_tls_read(struct leg *leg, void *to, size_t room, size_t *got, struct why *why)
{
	bool needed_room = leg->read_needs_room;
	int error, ok;

	ERR_clear_error();
	errno = 0;
	ok = SSL_read_ex(leg->ssl, to, room, got);
	leg->held = ok == 1 && SSL_has_pending(leg->ssl) == 1;
	error = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(leg->ssl, ok);
	leg->read_needs_room = error == SSL_ERROR_WANT_WRITE;
	if (leg->read_needs_room != needed_room && leg->watch.active)
		leg_arm(leg);
	if (error == SSL_ERROR_NONE || error == SSL_ERROR_ZERO_RETURN)
		return OK;
	*got = 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return ERR_MORE;
	return broken(leg, error, "read", why);
}

enum err
leg_tls_write(struct leg *leg, const void *bytes, size_t length, size_t *put, struct why *why)
{
	bool needed_bytes = leg->write_needs_bytes;
	int error, ok;

	ERR_clear_error();
	errno = 0;
	ok = SSL_write_ex(leg->ssl, bytes, length, put);
	error = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(leg->ssl, ok);
	leg->write_needs_bytes = error == SSL_ERROR_WANT_READ;
	if (leg->write_needs_bytes != needed_bytes && leg->watch.active)
		leg_arm(leg);
	if (error == SSL_ERROR_NONE)
		return OK;
	*put = 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return ERR_MORE;
	return broken(leg, error, "write", why);
}

bool
leg_tls_finish(struct leg *leg)
{
	int ok, error;

	if (!SSL_is_init_finished(leg->ssl))
		return true;
	ERR_clear_error();
	ok = SSL_shutdown(leg->ssl);
	error = ok < 0 ? SSL_get_error(leg->ssl, ok) : SSL_ERROR_NONE;
	ERR_clear_error();
	return error != SSL_ERROR_WANT_WRITE;
}

/* An end without close_notify would make its session unfit for another use (it is not, since TLS 1.1). */
void
leg_tls_free(struct leg *leg)
{
	if (leg->ssl != NULL && SSL_is_init_finished(leg->ssl))
		SSL_set_shutdown(leg->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(leg->ssl);
}

/* ---- the handshake ---- */

/* A client that gathers small writes holds its first request back until its last bytes are acknowledged: by default 40 ms. */
static void
acknowledge(struct leg *leg)
{
	int on = 1;

	(void)setsockopt(leg->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void
shaken(struct leg *leg, enum err r, const struct why *why)
{
	void (*done)(void *self, enum err r, const struct why *why) = leg->shaken;

	leg->shaken = NULL;
	leg->read_needs_room = false;
	loop_timer_stop(leg->loop, &leg->deadline);
	if (leg->watch.active)
		loop_change(leg->loop, &leg->watch, 0);
	leg->held = r == OK && SSL_has_pending(leg->ssl) == 1;
	if (r == OK && SSL_is_server(leg->ssl))
		acknowledge(leg);
	done(leg->shaken_self, r, why);
}

void
leg_tls_shake(struct leg *leg)
{
	struct why why = {0};
	int ok, error;

	ERR_clear_error();
	errno = 0;
	ok = SSL_do_handshake(leg->ssl);
	error = ok == 1 ? SSL_ERROR_NONE : SSL_get_error(leg->ssl, ok);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		leg->read_needs_room = error == SSL_ERROR_WANT_WRITE;
		leg_arm(leg);
		return;
	}
	shaken(leg, ok == 1 ? OK : broken(leg, error, "TLS", &why), &why);
}

static void
late(void *self)
{
	struct leg *leg = self;
	struct why why;

	shaken(leg, fail(&why, ERR_TIMEOUT, "the TLS handshake took too long"), &why);
}

void
leg_handshake(struct leg *leg, struct ssl_st *ssl, uint32_t deadline_ms,
    void (*done)(void *self, enum err r, const struct why *why), void *self)
{
	leg->ssl = ssl;
	leg->wanted = 0;
	leg->ready = NULL;
	leg->shaken = done;
	leg->shaken_self = self;
	leg->read_needs_room = !SSL_is_server(ssl); /* a client begins: its socket has room at once */
	SSL_set_fd(ssl, leg->fd);
	loop_timer_set(leg->loop, &leg->deadline, deadline_ms, late, leg);
	leg_arm(leg);
}

const char *
leg_alpn(const struct leg *leg)
{
	const unsigned char *chosen = NULL;
	unsigned length = 0;

	if (leg->ssl != NULL)
		SSL_get0_alpn_selected(leg->ssl, &chosen, &length);
	if (length == 2 && memcmp(chosen, "h2", 2) == 0)
		return "h2";
	return length == 8 && memcmp(chosen, "http/1.1", 8) == 0 ? "http/1.1" : "";
}
