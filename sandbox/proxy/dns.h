/* DNS towards the agent: names that the policy could mean get a synthetic address, nothing is asked of the world. */
#ifndef SANDBOX_PROXY_DNS_H
#define SANDBOX_PROXY_DNS_H

#include "sandbox/proxy/connection.h"

struct dns;

/* Answer on these sockets (taken over; -1: none) until dns_free. */
enum err dns_new(struct proxy *proxy, int udp_fd, int tcp_fd, struct dns **out, struct why *why) must_check;
void dns_free(struct dns *dns);

#endif
