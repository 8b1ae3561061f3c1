/* The proxy of a company, asked for one address after the other; its answer's head is taken and not a byte more. */
#include "common/leg/chain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/wire/base64.h"
#include "common/wire/http_head.h"

#define HOST_BYTES  254
#define LOGIN_BYTES 4096
#define ASK_BYTES   (1024 + BASE64_BYTES(LOGIN_BYTES))

struct chain {
	struct loop *loop;
	uint16_t proxy_port, port;
	uint64_t until_ms;
	dial_done *done;
	void *self;
	char host[HOST_BYTES]; /* "": by addresses */
	char *login;	       /* in Base64; NULL: none */
	size_t login_n;
	struct dial *dial; /* to the proxy */
	int fd;		   /* of the proxy, or -1 */
	struct watch watch;
	struct timer timer;
	char head[CHAIN_HEAD_BYTES];
	size_t head_n;
	struct why why; /* of the last address */
	size_t next, n, proxy_n;
	struct address addresses[]; /* n of the place, then proxy_n of the proxy */
};

static void ask_next(void *self);

static void
hang_up(struct chain *chain)
{
	loop_timer_stop(chain->loop, &chain->timer);
	loop_remove(chain->loop, &chain->watch);
	clean_fd(&chain->fd);
}

void
chain_cancel(struct chain *chain)
{
	if (chain == NULL)
		return;
	dial_cancel(chain->dial);
	hang_up(chain);
	if (chain->login != NULL)
		explicit_bzero(chain->login, chain->login_n);
	free(chain->login);
	free(chain);
}

static void
finish(struct chain *chain, enum err r, int fd)
{
	dial_done *done = chain->done;
	void *self = chain->self;
	size_t which = chain->next == 0 ? 0 : chain->next - 1;
	struct why why = chain->why;

	chain_cancel(chain);
	done(self, r, fd, which, &why);
}

/* ---- its answer ---- */

static void
refused(struct chain *chain)
{
	hang_up(chain);
	ask_next(chain);
}

static void
late(void *self)
{
	struct chain *chain = self;

	finish(chain, fail(&chain->why, ERR_TIMEOUT, "the upstream proxy does not answer"), -1);
}

/* Take what belongs to the head out of the socket; OK: it ends there. */
static enum err
head_take(struct chain *chain, struct why *why)
{
	ssize_t n = recv(chain->fd, chain->head + chain->head_n, sizeof(chain->head) - chain->head_n, MSG_PEEK);
	size_t before = chain->head_n < 3 ? 0 : chain->head_n - 3;
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ERR_MORE;
	if (n <= 0)
		return fail(why, ERR_UNAVAILABLE, "the upstream proxy hung up");
	end = memmem(chain->head + before, chain->head_n + (size_t)n - before, "\r\n\r\n", 4);
	if (end != NULL)
		n = end + 4 - (chain->head + chain->head_n);
	if (recv(chain->fd, chain->head + chain->head_n, (size_t)n, 0) != n)
		return fail(why, ERR_UNAVAILABLE, "the upstream proxy hung up");
	chain->head_n += (size_t)n;
	if (end != NULL)
		return OK;
	return chain->head_n < sizeof(chain->head)
		   ? ERR_MORE
		   : fail(why, ERR_UNAVAILABLE, "the upstream proxy's answer has over %d bytes", CHAIN_HEAD_BYTES);
}

static void
answered(void *self, uint32_t events)
{
	struct chain *chain = self;
	struct http_head head;
	size_t used;
	enum err r = head_take(chain, &chain->why);

	(void)events;
	if (r == ERR_MORE)
		return;
	if (r == OK && http_response_parse(span_of_bytes(chain->head, chain->head_n), sizeof(chain->head), true, &head,
			   &used, &chain->why) != OK)
		r = because(&chain->why, ERR_UNAVAILABLE, "the upstream proxy's answer");
	else if (r == OK && head.status != 200)
		r = fail(&chain->why, ERR_UNAVAILABLE, "the upstream proxy answered %u", head.status);
	if (r != OK) {
		refused(chain);
		return;
	}
	loop_remove(chain->loop, &chain->watch);
	finish(chain, OK, fd_take(&chain->fd));
}

/* ---- asking ---- */

static void
place_add(const struct chain *chain, struct text *text)
{
	const struct address *address = &chain->addresses[chain->next - 1];
	char number[INET6_ADDRSTRLEN] = "";
	bool v6;

	inet_ntop(address->length == 4 ? AF_INET : AF_INET6, address->bytes, number, sizeof(number));
	v6 = strchr(chain->host[0] != '\0' ? chain->host : number, ':') != NULL;
	text_add(text, "%s%s%s:%u", v6 ? "[" : "", chain->host[0] != '\0' ? chain->host : number, v6 ? "]" : "",
	    chain->port);
}

/* It fits into an empty socket at once. */
static enum err
ask(struct chain *chain, struct why *why)
{
	char bytes[ASK_BYTES];
	struct text text = TEXT_OF(bytes);
	ssize_t n;

	text_add(&text, "CONNECT ");
	place_add(chain, &text);
	text_add(&text, " HTTP/1.1\r\nHost: ");
	place_add(chain, &text);
	text_add(&text, "\r\n");
	if (chain->login != NULL) {
		text_add(&text, "Proxy-Authorization: Basic ");
		text_add_span(&text, span_of_bytes(chain->login, chain->login_n));
		text_add(&text, "\r\n");
	}
	text_add(&text, "\r\n");
	n = text.cut ? -1 : send(chain->fd, text.at, text.length, MSG_NOSIGNAL);
	explicit_bzero(bytes, sizeof(bytes));
	return n == (ssize_t)text.length ? OK : fail(why, ERR_UNAVAILABLE, "the upstream proxy takes no question");
}

static uint32_t
left_ms(const struct chain *chain)
{
	uint64_t now = clock_ms();

	return chain->until_ms > now ? (uint32_t)(chain->until_ms - now) : 0;
}

static void
reached(void *self, enum err r, int fd, size_t which, const struct why *why)
{
	struct chain *chain = self;

	(void)which;
	chain->dial = NULL;
	chain->why = *why;
	if (r != OK) { /* it is not there: not for another address either */
		finish(chain, because(&chain->why, r, "the upstream proxy"), -1);
		return;
	}
	chain->fd = fd;
	chain->head_n = 0;
	if (ask(chain, &chain->why) != OK ||
	    loop_add(chain->loop, &chain->watch, fd, EPOLLIN, answered, chain, &chain->why) != OK)
		refused(chain);
	else
		loop_timer_set(chain->loop, &chain->timer, left_ms(chain), late, chain);
}

static void
ask_next(void *self)
{
	struct chain *chain = self;
	size_t most = chain->host[0] != '\0' ? 1 : chain->n;
	uint32_t left = left_ms(chain);

	if (left == 0 && chain->next < most) {
		finish(chain, fail(&chain->why, ERR_TIMEOUT, "the upstream proxy does not answer"), -1);
		return;
	}
	if (chain->next >= most) {
		finish(chain, ERR_UNAVAILABLE, -1);
		return;
	}
	chain->next++;
	chain->dial = dial_begin(
	    chain->loop, chain->addresses + chain->n, chain->proxy_n, chain->proxy_port, left, reached, chain);
}

static void
login_keep(struct chain *chain, struct span login)
{
	if (login.length == 0 || login.length > LOGIN_BYTES)
		return;
	if ((chain->login = malloc(BASE64_BYTES(login.length))) == NULL)
		abort();
	chain->login_n = base64_write(login, chain->login);
}

struct chain *
chain_begin(struct loop *loop, const struct chain_way *way, const struct address *addresses, size_t n, uint16_t port,
    uint32_t deadline_ms, dial_done *done, void *self)
{
	struct chain *chain = calloc(1, sizeof(*chain) + (n + way->proxy_n) * sizeof(*addresses));

	if (chain == NULL)
		abort();
	chain->loop = loop;
	chain->proxy_port = way->port;
	chain->port = port;
	chain->until_ms = clock_ms() + deadline_ms;
	chain->done = done;
	chain->self = self;
	chain->fd = -1;
	chain->n = n;
	chain->proxy_n = way->proxy_n;
	if (way->host != NULL)
		(void)span_copy(span_of_text(way->host), chain->host, sizeof(chain->host));
	login_keep(chain, way->login);
	memcpy(chain->addresses, addresses, n * sizeof(*addresses));
	memcpy(chain->addresses + n, way->proxy, way->proxy_n * sizeof(*addresses));
	fail(&chain->why, ERR_UNAVAILABLE, "there is no address");
	loop_timer_set(loop, &chain->timer, 0, ask_next, chain);
	return chain;
}
