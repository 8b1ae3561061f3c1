/* config: the settings of api, and the TLS files, which only the time before the jail can read. */
#include <stdlib.h>
#include <string.h>

#include "services/api/api.h"

static const struct setting rows[] = {
    NUMBER_SETTING(config, listen_fd, 0, 1023, "4", "descriptor of the listening socket that the parent opened"),
    TEXT_SETTING(config, gateway_name, 0, 63, "", "name of the gateway, for logs"),
    FLAG_SETTING(config, tls, "true", "false: plaintext, which the parent asks for on loopback alone"),
    TEXT_SETTING(config, tls_cert, 0, SERVICE_PATH_BYTES - 1, "", "PEM file of the server certificate"),
    TEXT_SETTING(config, tls_key, 0, SERVICE_PATH_BYTES - 1, "", "PEM file of its key"),
    TEXT_SETTING(config, tls_client_ca, 0, SERVICE_PATH_BYTES - 1, "", "PEM file of the CA of client certificates"),
    FLAG_SETTING(
	config, allow_unauthenticated, "false", "callers without a certificate are the local developer; loopback only"),
    FLAG_SETTING(config, enable_loopback_service_http, "true",
	"a TLS port on loopback takes plaintext HTTP too, from loopback and for services alone"),
    TEXTS_SETTING(
	config, server_sans, 0, 16, "names in the server certificate: services are served below its wildcards"),
    {"credentials_key", SETTING_KEY, SETTING_FIELD(config, credentials_key), 0, 0, "",
	"X25519 key of credentials, for which secrets are sealed; without it none are taken", NULL, NULL, NULL, NULL},
    TEXT_SETTING(config, version, 1, 63, OPENSHELL_VERSION, "release of the gateway, as Health tells it"),
    NUMBER_SETTING(config, connections_max, 1, 65536, "1024", "client connections at one time"),
    {0},
};

static enum err
pem_load(const char *path, char **out, struct why *why)
{
	size_t length;

	return path[0] == '\0' ? OK : settings_file(path, out, &length, why);
}

enum err
config_load(struct config *config, int argc, char **argv, struct why *why)
{
	enum err r;

	if ((r = service_load(&config->service, rows, config, argc, argv, why)) != OK)
		return r;
	if (config->tls && (config->tls_cert[0] == '\0' || config->tls_key[0] == '\0'))
		return fail(why, ERR_INVALID, "tls is on: tls_cert and tls_key must be given");
	if (!config->tls)
		return OK;
	if ((r = pem_load(config->tls_cert, &config->certificate_pem, why)) != OK ||
	    (r = pem_load(config->tls_key, &config->key_pem, why)) != OK ||
	    (r = pem_load(config->tls_client_ca, &config->client_ca_pem, why)) != OK)
		return r;
	return OK;
}

void
config_done(struct config *config)
{
	if (config->key_pem != NULL)
		explicit_bzero(config->key_pem, strlen(config->key_pem));
	free(config->key_pem);
	free(config->certificate_pem);
	free(config->client_ca_pem);
	secret_wipe(&config->service.bus_secret);
	config->key_pem = config->certificate_pem = config->client_ca_pem = NULL;
}
