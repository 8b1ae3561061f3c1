/* service expose, list, get and delete: ports of sandboxes under names. */
#include <string.h>

#include "clients/cli/commands.h"
#include "common/base/text.h"

#define Answer Openshell__V1__ServiceEndpointResponse

/* The operand at that place; NULL: it was not given. */
static char *
operand(const struct cli *cli, size_t at)
{
	return at < cli->args.operands_count ? (char *)(uintptr_t)cli->args.operands[at] : NULL;
}

/* "demo" or "demo--web", of the operands SANDBOX [SERVICE]. */
static const char *
name_of(struct cli *cli)
{
	const char *service = operand(cli, 1);

	return arena_format(
	    &cli->arena, "%s%s%s", operand(cli, 0), service == NULL ? "" : "--", service == NULL ? "" : service);
}

/* ---- addresses ---- */

/* What stands behind the host of "scheme://host:port/...": ":port" or nothing. */
static struct span
port_of(struct span url)
{
	const char *slashes = memmem(url.at, url.length, "://", 3);
	struct span rest = slashes == NULL ? url : span_tail(url, (size_t)(slashes - url.at) + 3);
	size_t at;

	if (span_find(rest, '/', &at))
		rest = span_head(rest, at);
	if (rest.length > 0 && rest.at[0] == '[' && span_find(rest, ']', &at))
		rest = span_tail(rest, at + 1);
	return span_find(rest, ':', &at) ? span_tail(rest, at) : span_tail(rest, rest.length);
}

/* The address as this client reaches it: a tunnel or a forwarded port may be between it and the gateway's own. */
static const char *
url_here(struct cli *cli, const char *url)
{
	struct span all = span_of_text(url == NULL ? "" : url), port = port_of(all), own;
	size_t before = (size_t)(port.at - all.at);

	if (all.length == 0 || cli->gateway.endpoint == NULL)
		return "";
	own = port_of(span_of_text(cli->gateway.endpoint));
	return arena_format(&cli->arena, SPAN_FORMAT SPAN_FORMAT SPAN_FORMAT, SPAN_ARGS(span_head(all, before)),
	    SPAN_ARGS(own), SPAN_ARGS(span_tail(all, before + port.length)));
}

/* ---- what is shown ---- */

static const Openshell__V1__ServiceEndpoint *
endpoint_of(const Answer *answer)
{
	static const Openshell__V1__ServiceEndpoint none = OPENSHELL__V1__SERVICE_ENDPOINT__INIT;

	return answer->endpoint == NULL ? &none : answer->endpoint;
}

static const char *
workspace_of(const Openshell__V1__ServiceEndpoint *endpoint)
{
	return endpoint->metadata == NULL ? "" : endpoint->metadata->workspace;
}

static json_t *
service_json(struct cli *cli, const Answer *answer)
{
	const Openshell__V1__ServiceEndpoint *endpoint = endpoint_of(answer);
	json_t *json = json_object();

	json_object_set_new(json, "workspace", json_text(workspace_of(endpoint)));
	json_object_set_new(json, "sandbox", json_text(endpoint->sandbox_name));
	json_object_set_new(json, "service", json_text(endpoint->service_name));
	json_object_set_new(json, "target_port", json_integer(endpoint->target_port));
	json_object_set_new(json, "url", json_text(url_here(cli, answer->url)));
	return json;
}

static void
service_lines(struct cli *cli, const Answer *answer)
{
	const Openshell__V1__ServiceEndpoint *endpoint = endpoint_of(answer);

	printf("Sandbox: %s\n", shown(&cli->arena, endpoint->sandbox_name));
	if (endpoint->service_name != NULL && endpoint->service_name[0] != '\0')
		printf("Service: %s\n", shown(&cli->arena, endpoint->service_name));
	printf("Target:  127.0.0.1:%u\n", endpoint->target_port);
	printf("URL:     %s\n", shown(&cli->arena, url_here(cli, answer->url)));
}

static void
service_print(struct cli *cli, const Answer *answer)
{
	if (cli_format(cli) == FORMAT_TABLE)
		service_lines(cli, answer);
	else
		cli_print(cli, service_json(cli, answer));
}

/* ---- expose ---- */

enum err
run_service_expose(struct cli *cli, struct why *why)
{
	Openshell__V1__ExposeServiceRequest request = OPENSHELL__V1__EXPOSE_SERVICE_REQUEST__INIT;
	Answer *answer;
	uint64_t port;
	enum err r;

	if (number_parse(span_of_text(operand(cli, 1)), 1, 65535, &port, why) != OK)
		return cli_usage(cli, why, "TARGET-PORT: %s", why->text);
	request.sandbox = operand(cli, 0);
	request.service = operand(cli, 2);
	request.workspace = cli_workspace(cli);
	request.has_target_port = request.has_domain = true;
	request.target_port = (uint32_t)port;
	request.domain = true;
	if ((r = cli_connect(cli, why)) != OK)
		return r;
	if ((r = call_ExposeService(&cli->connection, &request, &answer, why)) != OK)
		return r == ERR_NOT_FOUND ? because(why, r, "sandbox %s", request.sandbox) : r;
	service_print(cli, answer);
	call_free(answer);
	return OK;
}

/* ---- list ---- */

static void
table_show(struct cli *cli, const Openshell__V1__ListServicesResponse *list)
{
	const char *const header[] = {"WORKSPACE", "SANDBOX", "SERVICE", "TARGET", "URL"};
	size_t first = cli_on(cli, FLAG_ALL_WORKSPACES) ? 0 : 1; /* the column WORKSPACE is only for all of them */
	struct table table = {.arena = &cli->arena};

	table_row(&table, header + first, 5 - first);
	for (size_t i = 0; i < list->n_services; i++) {
		const Openshell__V1__ServiceEndpoint *endpoint = endpoint_of(list->services[i]);
		const char *const cells[] = {workspace_of(endpoint), endpoint->sandbox_name, endpoint->service_name,
		    arena_format(&cli->arena, "127.0.0.1:%u", endpoint->target_port),
		    url_here(cli, list->services[i]->url)};

		table_row(&table, cells + first, 5 - first);
	}
	table_print(stdout, &table, cli->color_out);
}

enum err
run_service_list(struct cli *cli, struct why *why)
{
	Openshell__V1__ListServicesRequest request = OPENSHELL__V1__LIST_SERVICES_REQUEST__INIT;
	Openshell__V1__ListServicesResponse *list;
	json_t *array;
	enum err r;

	request.sandbox = operand(cli, 0);
	request.has_limit = request.has_offset = request.has_all_workspaces = true;
	request.limit = (uint32_t)cli->args.values[FLAG_LIMIT].number;
	request.offset = (uint32_t)cli->args.values[FLAG_OFFSET].number;
	request.all_workspaces = cli_on(cli, FLAG_ALL_WORKSPACES);
	if (!request.all_workspaces) /* the gateway refuses both */
		request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK || (r = call_ListServices(&cli->connection, &request, &list, why)) != OK)
		return r;
	if (cli_format(cli) != FORMAT_TABLE) {
		array = json_array();
		for (size_t i = 0; i < list->n_services; i++)
			json_array_append_new(array, service_json(cli, list->services[i]));
		cli_print(cli, array);
	} else if (list->n_services == 0) {
		puts("No services exposed.");
	} else {
		table_show(cli, list);
	}
	call_free(list);
	return OK;
}

/* ---- get ---- */

enum err
run_service_get(struct cli *cli, struct why *why)
{
	Openshell__V1__GetServiceRequest request = OPENSHELL__V1__GET_SERVICE_REQUEST__INIT;
	Answer *answer;
	enum err r;

	request.sandbox = operand(cli, 0);
	request.service = operand(cli, 1);
	request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK)
		return r;
	if ((r = call_GetService(&cli->connection, &request, &answer, why)) != OK)
		return r == ERR_NOT_FOUND ? because(why, r, "service %s", name_of(cli)) : r;
	service_print(cli, answer);
	call_free(answer);
	return OK;
}

/* ---- delete ---- */

enum err
run_service_delete(struct cli *cli, struct why *why)
{
	Openshell__V1__DeleteServiceRequest request = OPENSHELL__V1__DELETE_SERVICE_REQUEST__INIT;
	Openshell__V1__DeleteServiceResponse *answer;
	enum err r;

	request.sandbox = operand(cli, 0);
	request.service = operand(cli, 1);
	request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_DeleteService(&cli->connection, &request, &answer, why)) != OK)
		return r;
	if (!answer->deleted)
		r = fail(why, ERR_NOT_FOUND, "service %s: service endpoint not found", name_of(cli));
	else
		printf("Deleted service %s\n", name_of(cli));
	call_free(answer);
	return r;
}
