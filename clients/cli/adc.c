/* Google's application default credentials, as gcloud keeps them in a file; no copy of them stays. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/provider_find.h"

static const char *
path_of(struct cli *cli)
{
	const char *file = getenv("GOOGLE_APPLICATION_CREDENTIALS"), *sdk = getenv("CLOUDSDK_CONFIG"),
		   *home = getenv("HOME");

	if (file != NULL && file[0] != '\0')
		return file;
	if (sdk != NULL && sdk[0] != '\0')
		return arena_format(&cli->arena, "%s/application_default_credentials.json", sdk);
	return arena_format(
	    &cli->arena, "%s/.config/gcloud/application_default_credentials.json", home == NULL ? "" : home);
}

static char *
text_of(struct cli *cli, const json_t *json, const char *name)
{
	const char *value = json_string_value(json_object_get(json, name));
	char *copy = value == NULL || value[0] == '\0' ? NULL : provider_secret(cli, value);

	if (value != NULL)
		explicit_bzero((char *)(uintptr_t)value, strlen(value));
	return copy;
}

static enum err
take(struct cli *cli, const char *path, const json_t *json, struct adc *out, struct why *why)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	struct adc adc = {
	    text_of(cli, json, "client_id"), text_of(cli, json, "client_secret"), text_of(cli, json, "refresh_token")};

	*out = adc;
	if (type == NULL || strcmp(type, "authorized_user") != 0)
		return fail(why, ERR_INVALID,
		    "%s is no log-in of a user: `gcloud auth application-default login` makes one", path);
	if (adc.client_id == NULL || adc.client_secret == NULL || adc.refresh_token == NULL)
		return fail(why, ERR_INVALID, "%s lacks client_id, client_secret or refresh_token", path);
	return OK;
}

enum err
adc_read(struct cli *cli, struct adc *out, struct why *why)
{
	const char *path = path_of(cli);
	struct span text;
	json_t *json;
	enum err r;

	*out = (struct adc){0};
	if (path == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = file_read(path, &cli->arena, &text, why)) != OK)
		return because(why, r, "Google's application default credentials");
	json = json_loadb(text.at, text.length, 0, NULL);
	explicit_bzero((char *)(uintptr_t)text.at, text.length);
	r = json == NULL ? fail(why, ERR_INVALID, "%s is not JSON", shown(&cli->arena, path))
			 : take(cli, shown(&cli->arena, path), json, out, why);
	json_decref(json);
	return r;
}

void
adc_wipe(struct adc *adc)
{
	char *const texts[] = {adc->client_id, adc->client_secret, adc->refresh_token};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i] != NULL)
			explicit_bzero(texts[i], strlen(texts[i]));
}
