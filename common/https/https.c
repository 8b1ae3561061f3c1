/* HTTPS: connect, verify, ask once, read until the end; all with one deadline. The process ends soon after. */
#include "common/https/https.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/wire/http_chunk.h"
#include "common/leg/openssl.h"

#define AUTHORITIES_MAX (1 << 20)				     /* bytes of a file of them */
#define RAW_MAX		(HTTPS_ANSWER_MAX + HTTP_HEAD_BYTES + 65536) /* with what chunks cost */

/* A connection with its deadline. */
struct line {
	int fd;
	SSL *ssl; /* NULL in clear */
	uint64_t until_ms;
};

static enum err
timed_out(struct why *why)
{
	return fail(why, ERR_TIMEOUT, "no whole answer in time");
}

/* Each blocking call ends at the deadline. */
static enum err
limit_set(const struct line *line, struct why *why)
{
	uint64_t now_ms = clock_ms(), left_ms = line->until_ms > now_ms ? line->until_ms - now_ms : 0;
	struct timeval left = {.tv_sec = (time_t)(left_ms / 1000), .tv_usec = (suseconds_t)(left_ms % 1000 * 1000)};

	if (left_ms == 0)
		return timed_out(why);
	if (setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof(left)) < 0 ||
	    setsockopt(line->fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
		return fail_errno(why, ERR_SYSTEM, "setsockopt");
	return OK;
}

static enum err
dial(struct line *line, const struct sockaddr *to, socklen_t length, struct why *why)
{
	enum err r;

	clean_fd(&line->fd);
	if (!https_may_reach(to))
		return fail(why, ERR_DENIED, "its address is link-local, or one that nobody serves from");
	if ((line->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return fail_errno(why, ERR_UNAVAILABLE, "socket");
	if ((r = limit_set(line, why)) != OK)
		return r;
	if (connect(line->fd, to, length) == 0)
		return OK;
	return errno == EINPROGRESS || errno == EAGAIN ? timed_out(why) : fail_errno(why, ERR_UNAVAILABLE, "connect");
}

static enum err
dial_known(struct line *line, const struct address *address, uint16_t port, struct why *why)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&four.sin_addr, address->bytes, sizeof(four.sin_addr));
	memcpy(&six.sin6_addr, address->bytes, sizeof(six.sin6_addr));
	if (address->length == 4)
		return dial(line, (const struct sockaddr *)&four, sizeof(four), why);
	return dial(line, (const struct sockaddr *)&six, sizeof(six), why);
}

static enum err
dial_names(struct line *line, const char *host, uint16_t number, struct why *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	enum err r = ERR_UNAVAILABLE;
	char port[8];
	int bad;

	snprintf(port, sizeof(port), "%u", number);
	if ((bad = getaddrinfo(host, port, &hints, &list)) != 0)
		return fail(why, ERR_UNAVAILABLE, "%s", gai_strerror(bad));
	for (const struct addrinfo *to = list; to != NULL && r != OK && r != ERR_TIMEOUT; to = to->ai_next)
		r = dial(line, to->ai_addr, to->ai_addrlen, why);
	freeaddrinfo(list);
	return r;
}

static enum err
line_connect(struct line *line, const struct https_request *in, struct why *why)
{
	enum err r = ERR_UNAVAILABLE;
	char host[256];

	if (line->fd >= 0)
		return OK;
	if (!span_copy(in->url.host, host, sizeof(host)))
		return fail(why, ERR_INVALID, "a host name that is too long");
	if (in->addresses_n == 0)
		r = dial_names(line, host, in->url.port, why);
	for (size_t i = 0; i < in->addresses_n && r != OK && r != ERR_TIMEOUT; i++)
		r = dial_known(line, &in->addresses[i], in->url.port, why);
	return r == OK ? OK : because(why, r, "%s port %u", host, in->url.port);
}

/* ---- TLS ---- */

static void
authorities_add(SSL_CTX *context, int fd)
{
	auto_free char *bytes = fd < 0 ? NULL : malloc(AUTHORITIES_MAX);
	ssize_t n = bytes == NULL ? 0 : pread(fd, bytes, AUTHORITIES_MAX, 0);
	BIO *bio = n > 0 ? BIO_new_mem_buf(bytes, (int)n) : NULL;
	X509 *one;

	while (bio != NULL && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one);
		X509_free(one);
	}
	BIO_free(bio);
	ERR_clear_error();
}

static bool
name_expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static enum err
line_secure(struct line *line, const struct https_request *in, int authorities, struct why *why)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char host[256];
	long verified;
	enum err r;

	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		abort();
	if (!in->no_system)
		SSL_CTX_set_default_verify_paths(context);
	authorities_add(context, authorities);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	line->ssl = SSL_new(context);
	SSL_CTX_free(context);
	if (line->ssl == NULL || !span_copy(in->url.host, host, sizeof(host)) || !name_expect(line->ssl, host) ||
	    SSL_set_fd(line->ssl, line->fd) != 1)
		return fail(why, ERR_UNAVAILABLE, "TLS cannot be set up");
	if ((r = limit_set(line, why)) != OK)
		return r;
	errno = 0;
	if (SSL_connect(line->ssl) == 1)
		return OK;
	if ((verified = SSL_get_verify_result(line->ssl)) != X509_V_OK)
		return fail(
		    why, ERR_UNAVAILABLE, "%s: its certificate: %s", host, X509_verify_cert_error_string(verified));
	if (errno == EAGAIN)
		return timed_out(why);
	return fail(why, ERR_UNAVAILABLE, "%s: no TLS there", host);
}

/* ---- bytes ---- */

static enum err
line_write(struct line *line, struct span bytes, struct why *why)
{
	while (bytes.length > 0) {
		ssize_t n;
		enum err r;

		if ((r = limit_set(line, why)) != OK)
			return r;
		n = line->ssl != NULL ? SSL_write(line->ssl, bytes.at, (int)bytes.length)
				      : send(line->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
		if (n <= 0)
			return errno == EAGAIN ? timed_out(why)
					       : fail(why, ERR_UNAVAILABLE, "it closed the connection");
		bytes = span_tail(bytes, (size_t)n);
	}
	return OK;
}

/* Some bytes; 0 at the end of all. Over TLS an end without close_notify counts as one: lengths are checked anyway. */
static enum err
line_read(struct line *line, char *to, size_t size, size_t *n, struct why *why)
{
	ssize_t got;
	enum err r;

	if ((r = limit_set(line, why)) != OK)
		return r;
	errno = 0;
	got = line->ssl != NULL ? SSL_read(line->ssl, to, (int)size) : recv(line->fd, to, size, 0);
	if (got <= 0 && errno == EAGAIN)
		return timed_out(why);
	*n = got < 0 ? 0 : (size_t)got;
	return OK;
}

/* ---- the answer ---- */

static enum err
chunks_read(struct span raw, struct arena *arena, struct span *out, struct why *why)
{
	struct http_chunk chunk = {0};
	struct text body = {arena_alloc(arena, HTTPS_ANSWER_MAX + 1), 0, HTTPS_ANSWER_MAX + 1, false};
	struct span data;
	size_t used;
	enum err r;

	if (body.at == NULL)
		return fail(why, ERR_LIMIT, "no room for an answer");
	while (chunk.state != HTTP_CHUNK_END) {
		if ((r = http_chunk_next(&chunk, raw, raw.length, &used, &data, NULL, why)) == ERR_MORE)
			return ERR_MORE;
		if (r != OK)
			return fail(why, ERR_PROTOCOL, "chunks that are none");
		text_add_span(&body, data);
		raw = span_tail(raw, used);
		if (body.cut)
			return fail(why, ERR_LIMIT, "an answer of more than %d bytes", HTTPS_ANSWER_MAX);
	}
	*out = text_span(&body);
	return OK;
}

/* ERR_MORE: it is not whole yet; ended: and nothing more will come. */
static enum err
answer_read(struct span raw, bool ended, struct arena *arena, struct https_answer *out, struct why *why)
{
	struct http_head head;
	size_t used;
	enum err r;

	do {
		if ((r = http_response_parse(raw, HTTP_HEAD_BYTES, false, &head, &used, why)) != OK)
			return r == ERR_MORE ? r : fail(why, ERR_PROTOCOL, "its answer is no HTTP");
		raw = span_tail(raw, used);
	} while (head.status < 200);
	out->status = head.status;
	out->body = SPAN_NONE;
	if (head.body == HTTP_BODY_CHUNKED)
		return chunks_read(raw, arena, &out->body, why);
	if (head.body == HTTP_BODY_NONE)
		return OK;
	if ((head.body == HTTP_BODY_LENGTH && head.length > HTTPS_ANSWER_MAX) || raw.length > HTTPS_ANSWER_MAX)
		return fail(why, ERR_LIMIT, "an answer of more than %d bytes", HTTPS_ANSWER_MAX);
	if (head.body == HTTP_BODY_LENGTH ? raw.length < head.length : !ended)
		return ERR_MORE;
	out->body = head.body == HTTP_BODY_LENGTH ? span_head(raw, (size_t)head.length) : raw;
	return OK;
}

static enum err
line_answer(struct line *line, struct arena *arena, struct https_answer *out, struct why *why)
{
	char *raw = arena_alloc(arena, RAW_MAX);
	size_t length = 0, n = 1;
	enum err r = ERR_MORE;

	if (raw == NULL)
		return fail(why, ERR_LIMIT, "no room for an answer");
	while (r == ERR_MORE && n > 0) {
		if (length == RAW_MAX)
			return fail(why, ERR_LIMIT, "an answer of more than %d bytes", HTTPS_ANSWER_MAX);
		if ((r = line_read(line, raw + length, RAW_MAX - length, &n, why)) != OK)
			return r;
		length += n;
		r = answer_read(span_of_bytes(raw, length), n == 0, arena, out, why);
	}
	return r == ERR_MORE ? fail(why, ERR_UNAVAILABLE, "its answer ended early") : r;
}

static enum err
line_ask(struct line *line, const struct https_request *in, struct arena *arena, struct why *why)
{
	struct text head = {arena_alloc(arena, HTTPS_REQUEST_MAX), 0, HTTPS_REQUEST_MAX, false};
	struct span target = in->target.length > 0 ? in->target : in->url.target;

	if (head.at == NULL)
		return fail(why, ERR_LIMIT, "no room for a request");
	text_add_span(&head, in->method);
	text_add(&head, " %s", target.length == 0 || target.at[0] != '/' ? "/" : "");
	text_add_span(&head, target);
	text_add(&head, " HTTP/1.1\r\nHost: ");
	text_add_span(&head, in->url.authority);
	text_add(&head, "\r\nConnection: close\r\nUser-Agent: openshell\r\n");
	text_add_span(&head, in->fields);
	text_add(&head, "Content-Length: %zu\r\n\r\n", in->body.length);
	text_add_span(&head, in->body);
	if (head.cut)
		return fail(why, ERR_LIMIT, "a request of more than %d bytes", HTTPS_REQUEST_MAX);
	return line_write(line, text_span(&head), why);
}

enum err
https_ask(
    const struct https_request *in, int authorities, struct arena *arena, struct https_answer *out, struct why *why)
{
	struct line line = {.fd = in->open > 0 ? in->open : -1, .until_ms = clock_ms() + in->limit_ms};
	enum err r;

	if ((r = line_connect(&line, in, why)) == OK &&
	    (!in->url.tls || (r = line_secure(&line, in, authorities, why)) == OK) &&
	    (r = line_ask(&line, in, arena, why)) == OK)
		r = line_answer(&line, arena, out, why);
	SSL_free(line.ssl);
	clean_fd(&line.fd);
	return r;
}
