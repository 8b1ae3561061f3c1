/* DNS over TCP: two bytes of length before each message; ten seconds for each. */
#include "sandbox/proxy/dns_tcp.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "sandbox/proxy/dns_answer.h"
#include "sandbox/proxy/linger.h"
#include "sandbox/proxy/proxy.h"

#define MESSAGE_MS 10000

struct asking {
	struct dns_asked asked; /* first */
	struct list link;
	struct proxy *proxy;
	unsigned *counter;
	struct leg *leg;
	struct timer timer;
	size_t got;
	uint8_t bytes[2 + DNS_MESSAGE_BYTES];
};

static void asking_ready(void *self, uint32_t events);

static void
asking_end(void *self)
{
	struct asking *asking = self;

	dns_forget(&asking->asked);
	loop_timer_stop(asking->proxy->loop, &asking->timer);
	list_remove(&asking->link);
	--*asking->counter;
	leg_linger(asking->proxy, asking->leg);
	free(asking);
}

static void
wait_next(struct asking *asking)
{
	asking->got = 0;
	loop_timer_set(asking->proxy->loop, &asking->timer, MESSAGE_MS, asking_end, asking);
	leg_watch(asking->leg, EPOLLIN, asking_ready, asking);
}

static void
answered(struct dns_asked *asked, const uint8_t *bytes, size_t length)
{
	struct asking *asking = (struct asking *)(void *)asked;
	uint8_t whole[2 + DNS_ANSWER_BYTES] = {(uint8_t)(length >> 8), (uint8_t)length};
	struct why why;
	size_t put = 0;

	memcpy(whole + 2, bytes, length);
	if (length == 0 || leg_write(asking->leg, whole, length + 2, &put, &why) != OK || put != length + 2)
		asking_end(asking);
	else
		wait_next(asking);
}

/* How much of the message with its length is still to come. */
static size_t
missing(const struct asking *asking)
{
	size_t length = asking->got < 2 ? 0 : (size_t)asking->bytes[0] << 8 | asking->bytes[1];

	return 2 + length - asking->got;
}

static void
asking_ready(void *self, uint32_t events)
{
	struct asking *asking = self;
	struct why why;
	size_t got;
	enum err r;

	(void)events;
	while (missing(asking) > 0) {
		if (asking->got + missing(asking) > sizeof(asking->bytes)) {
			asking_end(asking);
			return;
		}
		r = leg_read(asking->leg, asking->bytes + asking->got, missing(asking), &got, &why);
		if (r == ERR_MORE)
			return;
		if (r != OK || got == 0) {
			asking_end(asking);
			return;
		}
		asking->got += got;
	}
	leg_watch(asking->leg, 0, asking_ready, asking);
	dns_ask(&asking->asked, asking->proxy, span_of_bytes(asking->bytes + 2, asking->got - 2), answered);
}

void
dns_tcp_begin(struct proxy *proxy, int fd, struct list *all, unsigned *n)
{
	struct asking *asking = calloc(1, sizeof(*asking));

	if (asking == NULL)
		abort();
	asking->proxy = proxy;
	asking->leg = leg_new(proxy->loop, fd);
	asking->counter = n;
	++*n;
	list_append(all, &asking->link);
	wait_next(asking);
}

void
dns_tcp_end(struct list *all)
{
	struct asking *asking;

	list_each(asking, all, struct asking, link)
		asking_end(asking);
}
