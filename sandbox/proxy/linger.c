/* Lingering: at most LINGER_MAX of them; past that a leg is closed at once, whatever is lost by it. */
#include "sandbox/proxy/linger.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "sandbox/proxy/proxy.h"

#define LINGER_MS    2000
#define LINGER_BYTES (1u << 20)

struct linger {
	struct list link;
	struct proxy *proxy;
	struct leg *leg;
	size_t dropped;
	struct timer timer;
};

static void
linger_end(void *self)
{
	struct linger *linger = self;

	list_remove(&linger->link);
	linger->proxy->lingering_n--;
	loop_timer_stop(linger->proxy->loop, &linger->timer);
	leg_close(linger->leg);
	free(linger);
}

/* Read and drop; true: there is nothing left to wait for. */
static bool
drained(struct leg *leg, size_t *dropped)
{
	char bytes[16384];
	struct why why;
	size_t got = 0;
	enum err r;

	while ((r = leg_read(leg, bytes, sizeof(bytes), &got, &why)) == OK && got > 0)
		if ((*dropped += got) > LINGER_BYTES)
			return true;
	return r != ERR_MORE;
}

static void
linger_ready(void *self, uint32_t events)
{
	struct linger *linger = self;

	(void)events;
	if (drained(linger->leg, &linger->dropped))
		linger_end(linger);
}

void
leg_linger(struct proxy *proxy, struct leg *leg)
{
	struct linger *linger;
	size_t dropped = 0;

	if (leg == NULL)
		return;
	leg_finish(leg);
	if (proxy->lingering_n >= LINGER_MAX || drained(leg, &dropped)) {
		leg_close(leg);
		return;
	}
	if ((linger = calloc(1, sizeof(*linger))) == NULL)
		abort();
	linger->proxy = proxy;
	linger->leg = leg;
	linger->dropped = dropped;
	list_append(&proxy->lingering, &linger->link);
	proxy->lingering_n++;
	loop_timer_set(proxy->loop, &linger->timer, LINGER_MS, linger_end, linger);
	leg_watch(leg, EPOLLIN, linger_ready, linger);
}

void
linger_done(struct proxy *proxy)
{
	struct linger *linger;

	list_each(linger, &proxy->lingering, struct linger, link)
		linger_end(linger);
}
