/* Events: lines on their way to the link, in batches; nothing is lost without a count. */
#ifndef SANDBOX_PROXY_EVENTS_H
#define SANDBOX_PROXY_EVENTS_H

#include "sandbox/proxy/connection.h"
#include "sandbox/proxy/event.h"

/* The queue of lines. */
struct events;
struct events *events_new(struct proxy *proxy);
void events_free(struct events *events);

/* Equal lines of one batch become one with a count. connection NULL: about none. */
void event_add(struct proxy *proxy, struct connection *connection, const struct event *event);

/* The link's channel came, or there is room again: send what waits. */
void events_send(struct proxy *proxy);

/* The link is gone: what was on its way is kept and sent to the next one. */
void events_pause(struct proxy *proxy);

#endif
