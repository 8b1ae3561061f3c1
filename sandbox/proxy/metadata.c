/* The metadata emulator's connections: one request within five seconds, one answer, the end. */
#include "sandbox/proxy/metadata.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "sandbox/proxy/linger.h"
#include "sandbox/proxy/metadata_answer.h"
#include "sandbox/proxy/proxy.h"

struct metadata {
	struct proxy *proxy;
	int fd;
	struct watch watch;
	struct list list;
	unsigned n;
};

struct asking {
	struct metadata *metadata;
	struct list link;
	struct leg *leg;
	struct timer timer;
	size_t got;
	char bytes[METADATA_REQUEST_BYTES];
};

static void
asking_end(void *self)
{
	struct asking *asking = self;
	struct proxy *proxy = asking->metadata->proxy;

	loop_timer_stop(proxy->loop, &asking->timer);
	list_remove(&asking->link);
	asking->metadata->n--;
	leg_linger(proxy, asking->leg);
	free(asking);
}

static void
answer(struct asking *asking, const struct http_head *request)
{
	const struct metadata_told *told = &asking->metadata->proxy->metadata_told;
	const struct metadata_facts facts = {
	    span_of_text(told->token), span_of_text(told->email), span_of_text(told->project), told->known};
	char bytes[METADATA_ANSWER_BYTES];
	struct text text = TEXT_OF(bytes);
	struct why why;
	size_t put;

	if (request == NULL)
		metadata_refuse(400, "bad_request", &text);
	else
		metadata_answer(request, &facts, &text);
	if (leg_write(asking->leg, text.at, text.length, &put, &why) != OK)
		asking->got = 0; /* it is gone */
	asking_end(asking);
}

static void
asking_ready(void *self, uint32_t events)
{
	struct asking *asking = self;
	struct http_head request;
	struct why why;
	size_t got = 0, used;
	enum err r;

	(void)events;
	r = leg_read(asking->leg, asking->bytes + asking->got, sizeof(asking->bytes) - asking->got, &got, &why);
	if (r == ERR_MORE)
		return;
	if (r != OK || got == 0) {
		asking_end(asking);
		return;
	}
	asking->got += got;
	r = http_request_parse(span_of_bytes(asking->bytes, asking->got), sizeof(asking->bytes), &request, &used, &why);
	if (r != ERR_MORE || asking->got == sizeof(asking->bytes))
		answer(asking, r == OK ? &request : NULL);
}

static void
arrived(void *self, uint32_t events)
{
	struct metadata *metadata = self;
	int fd = accept4(metadata->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct asking *asking;

	(void)events;
	if (fd < 0)
		return;
	if (metadata->n == METADATA_CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	if ((asking = calloc(1, sizeof(*asking))) == NULL)
		abort();
	asking->metadata = metadata;
	asking->leg = leg_new(metadata->proxy->loop, fd);
	list_append(&metadata->list, &asking->link);
	metadata->n++;
	loop_timer_set(metadata->proxy->loop, &asking->timer, METADATA_REQUEST_MS, asking_end, asking);
	leg_watch(asking->leg, EPOLLIN, asking_ready, asking);
}

enum err
metadata_new(struct proxy *proxy, int fd, struct metadata **out, struct why *why)
{
	struct metadata *metadata = calloc(1, sizeof(*metadata));
	enum err r;

	if (metadata == NULL)
		abort();
	*metadata = (struct metadata){.proxy = proxy, .fd = fd};
	list_init(&metadata->list);
	if ((r = loop_add(proxy->loop, &metadata->watch, fd, EPOLLIN, arrived, metadata, why)) != OK) {
		close(fd);
		free(metadata);
		return r;
	}
	*out = metadata;
	return OK;
}

void
metadata_free(struct metadata *metadata)
{
	struct asking *asking;

	if (metadata == NULL)
		return;
	list_each(asking, &metadata->list, struct asking, link)
		asking_end(asking);
	loop_remove(metadata->proxy->loop, &metadata->watch);
	close(metadata->fd);
	free(metadata);
}

/*
 * What is answered from now on.
 *
 * in      metadata_set, from the supervisor
 * out     done
 * errors  ERR_LIMIT a text that is too long: what was known before stays
 */
enum err
metadata_set(void *self, struct msg *m, struct msg *reply, struct why *why)
{
	struct proxy *proxy = self;
	const struct msg_metadata_set *in = &m->metadata_set;
	struct metadata_told told = {.known = in->known};

	if (!span_copy(in->token, told.token, sizeof(told.token)) ||
	    !span_copy(in->email, told.email, sizeof(told.email)) ||
	    !span_copy(in->project, told.project, sizeof(told.project)))
		return fail(why, ERR_LIMIT, "what the metadata emulator is to answer is too long");
	proxy->metadata_told = told;
	if (m->call != 0)
		reply->id = DONE;
	return OK;
}
