/* services: what they are called, from the settings and the listening socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "services/api/api.h"

/* Where our listener is; false: no TCP. */
static bool
listener_address(int fd, uint16_t *port, bool *loopback)
{
	struct sockaddr_storage at = {0};
	const struct sockaddr_in *four = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;
	socklen_t length = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &length) != 0)
		return false;
	if (at.ss_family == AF_INET) {
		*port = ntohs(four->sin_port);
		*loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
	} else if (at.ss_family == AF_INET6) {
		*port = ntohs(six->sin6_port);
		*loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	}
	return at.ss_family == AF_INET || at.ss_family == AF_INET6;
}

void
services_init(struct api *api)
{
	const struct config *config = api->config;
	struct services *services = &api->services;
	const char *names[SETTING_TEXTS_MAX];
	bool loopback = false;

	list_init(&services->targets);
	list_init(&services->idle);
	for (size_t i = 0; i < config->server_sans.count; i++)
		names[i] = config->server_sans.at[i];
	service_domains_read(names, config->server_sans.count, &services->domains);
	services->port = 443;
	if (!listener_address((int)config->listen_fd, &services->port, &loopback))
		loopback = false;
	services->plain = config->tls && loopback && config->enable_loopback_service_http;
	services->tls = config->tls && !services->plain;
}
