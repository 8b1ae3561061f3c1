/* Services: which there are, in the order of their start, and the settings each is given. */
#ifndef GATEWAY_SERVICES_H
#define GATEWAY_SERVICES_H

#include "common/base/text.h"
#include "services/gateway/config.h"
#include "services/gateway/keys.h"
#include "services/gateway/postgres.h"

#define SERVICES_N	   5
#define SERVICE_YAML_BYTES 16384

struct service {
	const char *name;
	unsigned uid_offset;   /* as root it runs as service_uid_base plus this; 0: stays root */
	const char *directory; /* below run/, made and given to it; NULL: none */
	bool listens;	       /* gets the public listening socket */
};

extern const struct service services[SERVICES_N];

/* Its number as root, 0 as an ordinary user. */
uid_t service_uid(const struct service *service, const struct config *config);

/* The run directory with the parts that services own. */
enum err services_directories(const struct config *config, struct why *why) must_check;

/* All that a service's settings are made from. */
struct service_source {
	const struct config *config;
	const struct keys *keys;
	const char *database_url;
};

/* The YAML text for a service; out holds SERVICE_YAML_BYTES and is the caller's to wipe. ERR_LIMIT when it does not fit. */
enum err service_yaml(
    const struct service *service, const struct service_source *source, struct text *out, struct why *why) must_check;

#endif
