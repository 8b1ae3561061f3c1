/* DNS over TCP: connections that may carry several messages, one at a time (RFC 7766). */
#ifndef SANDBOX_PROXY_DNS_TCP_H
#define SANDBOX_PROXY_DNS_TCP_H

#include "common/base/list.h"
#include "sandbox/proxy/connection.h"

#define DNS_TCP_MAX 32

/* A connection was accepted (fd taken over): serve it; it is in the list, and counted in *n, until it ends. */
void dns_tcp_begin(struct proxy *proxy, int fd, struct list *all, unsigned *n);

/* End all. */
void dns_tcp_end(struct list *all);

#endif
