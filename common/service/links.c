/* Links: the roster of a service's settings turned into CURVE links. Apart, as it alone needs ZeroMQ. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/service/service.h"

static enum err
dial_all(struct curve *curve, const struct service_roster *roster, struct why *why)
{
	struct peer *peer;
	enum err r = OK;

	for (size_t i = 0; i < roster->count && r == OK; i++)
		if (roster->at[i].endpoint[0] != '\0')
			r = curve_connect(
			    curve, roster->at[i].endpoint, roster->at[i].role, roster->at[i].name, &peer, why);
	return r;
}

enum err
service_links(struct curve **out, struct bus *bus, const struct service_config *service, struct why *why)
{
	auto_free struct roster_entry *entries = calloc(SERVICE_ROSTER_MAX, sizeof(*entries));
	struct curve *curve;
	enum err r;

	if (entries == NULL)
		abort();
	for (size_t i = 0; i < service->roster.count; i++) {
		entries[i].role = service->roster.at[i].role;
		memcpy(entries[i].name, service->roster.at[i].name, sizeof(entries[i].name));
		memcpy(entries[i].key, service->roster.at[i].key, sizeof(entries[i].key));
	}
	if ((r = curve_new(&curve, bus, &service->bus_secret, entries, service->roster.count, why)) != OK)
		return r;
	if ((r = dial_all(curve, &service->roster, why)) != OK) {
		curve_free(curve);
		return r;
	}
	*out = curve;
	return OK;
}

enum err
service_bind(struct curve *curve, const char *endpoint, bool strangers, struct why *why)
{
	return curve_bind(curve, endpoint, strangers, why);
}
