/* status, whoami, gateway info: what the gateway says of itself and of the caller. */
#include <string.h>

#include "clients/cli/commands.h"

enum { /* gRPC's own numbers */
	CODE_PERMISSION_DENIED = 7,
	CODE_UNIMPLEMENTED = 12,
	CODE_UNAVAILABLE = 14,
	CODE_UNAUTHENTICATED = 16,
};

/* The words of one status, as both forms of output use them. */
struct report {
	const char *status, *words; /* connected, "Connected" */
	const char *version, *error;
	const char *auth, *auth_key, *auth_text; /* authenticated, provider, mtls */
};

static bool
is_secure(const struct cli *cli)
{
	return cli->gateway.endpoint != NULL && strncmp(cli->gateway.endpoint, "https:", 6) == 0;
}

/* How the caller is logged in, by what GetGatewayInfo answered. */
static void
report_authentication(struct cli *cli, struct report *report)
{
	const Openshell__V1__GetGatewayInfoRequest request = OPENSHELL__V1__GET_GATEWAY_INFO_REQUEST__INIT;
	Openshell__V1__GetGatewayInfoResponse *answer = NULL;
	struct why why = {0};
	enum err r = call_GetGatewayInfo(&cli->connection, &request, &answer, &why);
	int code = cli->connection.status.code;

	call_free(answer);
	if (r == OK || code == CODE_PERMISSION_DENIED || code == CODE_UNIMPLEMENTED) {
		bool open = !is_secure(cli) && !cli->connection.bearer;
		bool mode = open || code == CODE_UNIMPLEMENTED;

		report->auth = mode ? "not_required" : "authenticated";
		report->auth_key = mode ? "mode" : "provider";
		report->auth_text = open		     ? "plaintext"
				    : mode		     ? "mTLS transport"
				    : cli->connection.bearer ? "oidc"
							     : "mtls";
		return;
	}
	report->auth = code == CODE_UNAUTHENTICATED ? "failed" : "unverified";
	report->auth_key = code == CODE_UNAUTHENTICATED ? "error" : "reason";
	report->auth_text = arena_text(&cli->arena, span_of_text(why.text));
}

static void
report_make(struct cli *cli, struct report *report)
{
	const Openshell__V1__HealthRequest request = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	Openshell__V1__HealthResponse *answer = NULL;
	struct why why = {0};
	enum err r = cli_connect(cli, &why);

	if (r != OK && cli->gateway.endpoint == NULL) {
		*report = (struct report){.status = "not_configured",
		    .words = cli->gateway.name == NULL ? "No gateway configured" : "Not configured"};
	} else if (r == OK && (r = call_Health(&cli->connection, &request, &answer, &why)) == OK) {
		*report = (struct report){.status = "connected",
		    .words = "Connected",
		    .version = arena_text(&cli->arena, span_of_text(answer->version))};
		report_authentication(cli, report);
	} else {
		bool refused = cli->connection.client != NULL && cli->connection.status.code != CODE_UNAVAILABLE;

		*report = (struct report){
		    .status = refused ? "error" : "disconnected", .words = refused ? "Error" : "Disconnected"};
	}
	if (r != OK)
		report->error = arena_text(&cli->arena, span_of_text(why.text));
	call_free(answer);
}

static json_t *
text_or_null(const char *text)
{
	return text == NULL ? json_null() : json_text(text);
}

static json_t *
report_json(const struct cli *cli, const struct report *report)
{
	json_t *json = json_object(), *auth = json_object();

	json_object_set_new(json, "gateway", text_or_null(cli->gateway.name));
	json_object_set_new(json, "server", text_or_null(cli->gateway.endpoint));
	json_object_set_new(json, "status", json_text(report->status));
	json_object_set_new(auth, "status", json_text(report->auth == NULL ? "unverified" : report->auth));
	if (report->auth != NULL)
		json_object_set_new(auth, report->auth_key, json_text(report->auth_text));
	json_object_set_new(json, "authentication", auth);
	if (report->version != NULL)
		json_object_set_new(json, "version", json_text(report->version));
	if (report->error != NULL)
		json_object_set_new(json, "error", json_text(report->error));
	return json;
}

static const char *
authentication_words(const struct report *report)
{
	static const char *const words[][2] = {
	    {"authenticated", "Authenticated"},
	    {"not_required", "Not required"},
	    {"failed", "Failed"},
	    {"unverified", "Unverified"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(report->auth, words[i][0]) == 0)
			return words[i][1];
	return report->auth;
}

static void
line(struct cli *cli, const char *name, const char *value)
{
	if (value != NULL)
		printf("  %s %s\n", cli_colored(cli, "2", name), shown(&cli->arena, value));
}

enum err
run_status(struct cli *cli, struct why *why)
{
	struct report report;
	const char *color;

	(void)why;
	report_make(cli, &report);
	if (cli_format(cli) != FORMAT_TABLE) {
		cli_print(cli, report_json(cli, &report));
		return OK;
	}
	printf("%s\n\n", cli_colored(cli, "1", "Server Status"));
	line(cli, "Gateway:", cli->gateway.name);
	line(cli, "Server:", cli->gateway.endpoint);
	color = strcmp(report.status, "connected") == 0 ? "32" : "31";
	printf("  %s %s\n", cli_colored(cli, "2", "Status:"), cli_colored(cli, color, report.words));
	if (report.auth != NULL)
		printf("  %s %s (%s)\n", cli_colored(cli, "2", "Authentication:"), authentication_words(&report),
		    shown(&cli->arena, report.auth_text));
	line(cli, "Version:", report.version);
	if (strcmp(report.status, "not_configured") == 0)
		puts("\nStart one here with `openshell-gateway start`, add one with `openshell gateway add "
		     "ENDPOINT`,\nor choose one with `openshell "
		     "gateway select`.");
	else
		line(cli, "Error:", report.error);
	return OK;
}

/* ---- whoami ---- */

static json_t *
texts_json(char *const *texts, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_text(texts[i]));
	return array;
}

static const char *
texts_joined(struct cli *cli, char *const *texts, size_t count)
{
	const char *joined = "-";

	for (size_t i = 0; i < count && joined != NULL; i++)
		joined = i == 0 ? texts[0] : arena_format(&cli->arena, "%s, %s", joined, texts[i]);
	return joined == NULL ? "" : joined;
}

static void
whoami_print(struct cli *cli, const Openshell__V1__GetCurrentUserResponse *user)
{
	json_t *json;

	if (cli_format(cli) == FORMAT_TABLE) {
		line(cli, "Subject:", user->subject == NULL ? "" : user->subject);
		if (user->display_name != NULL && user->display_name[0] != '\0')
			line(cli, "Display name:", user->display_name);
		line(cli, "Roles:", texts_joined(cli, user->roles, user->n_roles));
		line(cli, "Scopes:", texts_joined(cli, user->scopes, user->n_scopes));
		line(cli, "Identity provider:", user->identity_provider == NULL ? "" : user->identity_provider);
		return;
	}
	json = json_object();
	json_object_set_new(json, "subject", json_text(user->subject));
	json_object_set_new(json, "display_name", json_text(user->display_name));
	json_object_set_new(json, "roles", texts_json(user->roles, user->n_roles));
	json_object_set_new(json, "scopes", texts_json(user->scopes, user->n_scopes));
	json_object_set_new(json, "identity_provider", json_text(user->identity_provider));
	cli_print(cli, json);
}

enum err
run_whoami(struct cli *cli, struct why *why)
{
	const Openshell__V1__GetCurrentUserRequest request = OPENSHELL__V1__GET_CURRENT_USER_REQUEST__INIT;
	Openshell__V1__GetCurrentUserResponse *user;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK)
		return r;
	if ((r = call_GetCurrentUser(&cli->connection, &request, &user, why)) != OK)
		return cli->connection.status.code == CODE_UNIMPLEMENTED
			   ? fail(why, r, "gateway %s is older and cannot say who the caller is", cli->gateway.name)
			   : r;
	whoami_print(cli, user);
	call_free(user);
	return OK;
}

/* ---- gateway info ---- */

static const char *
service_status(int status)
{
	static const char *const words[] = {"unspecified", "healthy", "degraded", "unhealthy"};

	return status >= 0 && status < (int)(sizeof(words) / sizeof(words[0])) ? words[status] : "unknown";
}

static json_t *
driver_json(const Openshell__V1__ComputeDriverInfo *driver)
{
	json_t *json = json_object(), *capabilities = json_object();
	const Openshell__V1__ComputeDriverCapabilities *from = driver->capabilities;

	json_object_set_new(json, "name", json_text(driver->name));
	json_object_set_new(capabilities, "driver_name", json_text(from == NULL ? NULL : from->driver_name));
	json_object_set_new(capabilities, "driver_version", json_text(from == NULL ? NULL : from->driver_version));
	json_object_set_new(json, "capabilities", capabilities);
	return json;
}

/* The fixed part; info is NULL where the gateway is not configured. */
static json_t *
info_json(const struct cli *cli, const Openshell__V1__GetGatewayInfoResponse *info)
{
	json_t *json = json_object(), *drivers = json_array();
	const char *auth = cli->gateway.auth_mode;

	if (auth == NULL && cli->gateway.endpoint != NULL)
		auth = is_secure(cli) ? "mtls" : "plaintext";
	for (size_t i = 0; info != NULL && i < info->n_compute_drivers; i++)
		json_array_append_new(drivers, driver_json(info->compute_drivers[i]));
	json_object_set_new(json, "gateway", text_or_null(cli->gateway.name));
	json_object_set_new(json, "server", text_or_null(cli->gateway.endpoint));
	json_object_set_new(json, "auth", text_or_null(auth));
	json_object_set_new(
	    json, "status", json_text(info == NULL ? "not_configured" : service_status((int)info->status)));
	json_object_set_new(json, "version", info == NULL ? json_null() : json_text(info->gateway_version));
	json_object_set_new(json, "compute_drivers", drivers);
	return json;
}

static void
info_print(struct cli *cli, const Openshell__V1__GetGatewayInfoResponse *info)
{
	const char *auth = cli->gateway.auth_mode;

	printf("%s\n\n", cli_colored(cli, "1", "Gateway Info"));
	line(cli, "Gateway:", cli->gateway.name);
	line(cli, "Server:", cli->gateway.endpoint);
	line(cli, "Auth:", auth != NULL ? auth : is_secure(cli) ? "mtls" : "plaintext");
	line(cli, "Status:", service_status((int)info->status));
	line(cli, "Version:", info->gateway_version);
	for (size_t i = 0; i < info->n_compute_drivers; i++) {
		const Openshell__V1__ComputeDriverInfo *driver = info->compute_drivers[i];
		const Openshell__V1__ComputeDriverCapabilities *of = driver->capabilities;

		line(cli, "Driver:",
		    arena_format(&cli->arena, "%s (%s %s)", driver->name,
			of == NULL || of->driver_name == NULL ? "unknown" : of->driver_name,
			of == NULL || of->driver_version == NULL ? "" : of->driver_version));
	}
}

static enum err
info_not_configured(struct cli *cli)
{
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, info_json(cli, NULL));
	else if (cli->gateway.name == NULL)
		puts("No gateway configured. Start one here with `openshell-gateway start`, or add one with `openshell "
		     "gateway add\n"
		     "ENDPOINT`.");
	else
		printf("Gateway %s: not configured\n", cli->gateway.name);
	return OK;
}

enum err
run_gateway_info(struct cli *cli, struct why *why)
{
	const Openshell__V1__GetGatewayInfoRequest request = OPENSHELL__V1__GET_GATEWAY_INFO_REQUEST__INIT;
	Openshell__V1__GetGatewayInfoResponse *info;
	enum err r = cli_connect(cli, why);

	if (r != OK)
		return cli->gateway.endpoint == NULL ? info_not_configured(cli) : r;
	if ((r = call_GetGatewayInfo(&cli->connection, &request, &info, why)) != OK) {
		if (cli->connection.status.code == CODE_UNIMPLEMENTED)
			return fail(why, r, "gateway %s is older and does not tell about itself", cli->gateway.name);
		if (cli->connection.status.code == CODE_PERMISSION_DENIED)
			return because(why, r, "gateway info is for platform admins");
		return r;
	}
	if (cli_format(cli) == FORMAT_TABLE)
		info_print(cli, info);
	else
		cli_print(cli, info_json(cli, info));
	call_free(info);
	return OK;
}
