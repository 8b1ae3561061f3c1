/* services: what api keeps of them: what they are called, where their requests go, and what is under way. */
#ifndef API_SERVICES_H
#define API_SERVICES_H

#include "common/base/list.h"
#include "services/api/service_host.h"

struct api;

struct services {
	struct service_domains domains;
	bool plain;    /* a TLS port on loopback that takes plaintext too, for services alone */
	bool tls;      /* what the printed address says */
	uint16_t port; /* of our listener */
};

/* Names and address, from the configuration and the listening socket. */
void services_init(struct api *api);

#endif
