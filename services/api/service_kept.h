/* What api keeps of services: what they are called, where their requests go, and what is under way. */
#ifndef API_SERVICE_KEPT_H
#define API_SERVICE_KEPT_H

#include "common/base/list.h"
#include "common/os/loop.h"
#include "services/api/service_host.h"

struct api;
struct rpc_call;

struct services {
	struct service_domains domains;
	bool plain;		   /* a TLS port on loopback that takes plaintext too, for services alone */
	bool tls;		   /* what the printed address says */
	uint16_t port;		   /* of our listener */
	struct list targets, idle; /* service_target.c, service_upstream.c */
	struct timer again;	   /* targets that are in use and in doubt are asked for anew */
	size_t targets_n, asked_n, idle_n;
};

/* Names and address, from the configuration and the listening socket. */
void services_init(struct api *api);

/* For the server: is that host a service's; a request for one, or any that is not gRPC; more of its body. */
bool services_claim(void *self, struct span host);
void services_http(void *self, struct rpc_call *call, struct span method, struct span path);
void services_input(void *self, struct rpc_call *call);

/* state is back: what was known before may be otherwise. While it is away, or cannot say yet, that is gone by. */
void services_state_up(struct api *api);

/* At the end, after the server's calls. */
void targets_free(struct api *api);
void upstreams_free(struct api *api);

#endif
