/* inference set, update, get and delete: which models answer at inference.local. */
#include <string.h>

#include "clients/cli/commands.h"

#define SYSTEM	  "sandbox-system"
#define USER	  "inference.local"
#define LIST_MAX  16
#define TIMEOUT_S 60

#define Set   Openshell__Inference__V1__SetInferenceRouteRequest
#define Get   Openshell__Inference__V1__GetInferenceRouteRequest
#define Route Openshell__Inference__V1__GetInferenceRouteResponse

static char *
route_of(const struct cli *cli)
{
	static char system[] = SYSTEM, user[] = "";

	return cli_on(cli, FLAG_SYSTEM) ? system : user;
}

/* ---- several in order of preference: "a,b" on the wire ---- */

static enum err
joined(struct cli *cli, enum flag_id flag, const char *name, char **out, struct why *why)
{
	const struct value *given = &cli->args.values[flag];
	const char *all = "";

	*out = NULL;
	if (given->count == 0)
		return OK;
	if (given->count > LIST_MAX)
		return fail(why, ERR_INVALID, "there are at most %d of %s", LIST_MAX, name);
	for (size_t i = 0; i < given->count && all != NULL; i++) {
		if (given->list[i][0] == '\0' || strchr(given->list[i], ',') != NULL)
			return cli_usage(cli, why, "%s is one name; for several say it several times", name);
		all = arena_format(&cli->arena, "%s%s%s", all, i == 0 ? "" : ",", given->list[i]);
	}
	*out = (char *)(uintptr_t)all;
	return all == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

static enum err
backends_read(struct cli *cli, Set *request, struct why *why)
{
	enum err r;

	if ((r = joined(cli, FLAG_PROVIDER, "--provider", &request->provider_name, why)) != OK ||
	    (r = joined(cli, FLAG_MODEL, "--model", &request->model_id, why)) != OK)
		return r;
	if (cli->args.values[FLAG_PROVIDER].count > 0 && cli->args.values[FLAG_MODEL].count > 0 &&
	    cli->args.values[FLAG_PROVIDER].count != cli->args.values[FLAG_MODEL].count)
		return cli_usage(cli, why, "every --provider has its --model: say as many of both, in the same order");
	return OK;
}

/* ---- set and update ---- */

static enum err
send_set(struct cli *cli, Set *request, struct why *why)
{
	Openshell__Inference__V1__SetInferenceRouteResponse *answer;
	enum err r;

	request->route_name = route_of(cli);
	request->workspace = cli_workspace(cli);
	request->has_verify = request->has_no_verify = request->has_timeout_secs = true;
	request->no_verify = cli->args.values[FLAG_VERIFY].set && !cli_on(cli, FLAG_VERIFY);
	request->verify = !request->no_verify;
	if ((r = call_SetInferenceRoute(&cli->connection, request, &answer, why)) != OK)
		return r;
	printf("Inference route %s: provider %s, model %s (version %llu)\n", cli_on(cli, FLAG_SYSTEM) ? SYSTEM : USER,
	    shown(&cli->arena, answer->provider_name), shown(&cli->arena, answer->model_id),
	    (unsigned long long)answer->version);
	if (answer->n_validated_endpoints > 0)
		puts("Validated Endpoints:");
	for (size_t i = 0; i < answer->n_validated_endpoints; i++)
		printf("  - %s (%s)\n", shown(&cli->arena, answer->validated_endpoints[i]->url),
		    shown(&cli->arena, answer->validated_endpoints[i]->protocol));
	call_free(answer);
	return OK;
}

enum err
run_inference_set(struct cli *cli, struct why *why)
{
	Set request = OPENSHELL__INFERENCE__V1__SET_INFERENCE_ROUTE_REQUEST__INIT;
	enum err r;

	if ((r = backends_read(cli, &request, why)) != OK)
		return r;
	if (request.provider_name == NULL || request.model_id == NULL)
		return cli_usage(cli, why, "say --provider NAME and --model MODEL");
	request.timeout_secs = cli->args.values[FLAG_TIMEOUT].number;
	return (r = cli_connect(cli, why)) != OK ? r : send_set(cli, &request, why);
}

static enum err
route_fetch(struct cli *cli, const char *name, Route **out, struct why *why)
{
	Get request = OPENSHELL__INFERENCE__V1__GET_INFERENCE_ROUTE_REQUEST__INIT;

	request.route_name = (char *)(uintptr_t)name;
	request.workspace = cli_workspace(cli);
	return call_GetInferenceRoute(&cli->connection, &request, out, why);
}

enum err
run_inference_update(struct cli *cli, struct why *why)
{
	Set request = OPENSHELL__INFERENCE__V1__SET_INFERENCE_ROUTE_REQUEST__INIT;
	const struct value *timeout = &cli->args.values[FLAG_TIMEOUT];
	Route *now;
	enum err r;

	if ((r = backends_read(cli, &request, why)) != OK || (r = cli_connect(cli, why)) != OK ||
	    (r = route_fetch(cli, route_of(cli), &now, why)) != OK)
		return r;
	if (request.provider_name == NULL)
		request.provider_name = now->provider_name;
	if (request.model_id == NULL)
		request.model_id = now->model_id;
	request.timeout_secs = timeout->set ? timeout->number : now->timeout_secs;
	r = send_set(cli, &request, why);
	call_free(now);
	return r;
}

/* ---- get ---- */

/* The parts of "a,b" as an array. */
static json_t *
list_json(struct cli *cli, const char *text)
{
	struct span rest = span_of_text(text);
	json_t *list = json_array();

	while (rest.length > 0)
		json_array_append_new(list, json_text(arena_text(&cli->arena, span_cut(&rest, ','))));
	return list;
}

static json_t *
route_json(struct cli *cli, const char *name, const Route *route)
{
	json_t *json = json_object();

	json_object_set_new(json, "route", json_string(name));
	json_object_set_new(json, "configured", json_boolean(route != NULL));
	if (route == NULL)
		return json;
	json_object_set_new(json, "providers", list_json(cli, route->provider_name));
	json_object_set_new(json, "models", list_json(cli, route->model_id));
	json_object_set_new(json, "timeout_secs", json_integer((json_int_t)route->timeout_secs));
	json_object_set_new(json, "version", json_integer((json_int_t)route->version));
	json_object_set_new(json, "workspace", json_text(route->workspace));
	return json;
}

static void
route_lines(struct cli *cli, const char *name, const Route *route)
{
	struct span providers, models;

	printf("%s\n", cli_colored(cli, "1", name));
	if (route == NULL) {
		puts("  Not configured");
		return;
	}
	providers = span_of_text(route->provider_name);
	models = span_of_text(route->model_id);
	while (providers.length > 0 || models.length > 0) {
		const char *provider = arena_text(&cli->arena, span_cut(&providers, ','));

		printf("  Provider: %s\n", shown(&cli->arena, provider));
		printf("  Model:    %s\n", shown(&cli->arena, arena_text(&cli->arena, span_cut(&models, ','))));
	}
	printf(
	    "  Timeout:  %llu s\n", (unsigned long long)(route->timeout_secs == 0 ? TIMEOUT_S : route->timeout_secs));
	printf("  Version:  %llu\n", (unsigned long long)route->version);
}

enum err
run_inference_get(struct cli *cli, struct why *why)
{
	static const char *const names[] = {USER, SYSTEM};
	size_t first = cli_on(cli, FLAG_SYSTEM) ? 1 : 0;
	json_t *list = json_array();
	enum err r = cli_connect(cli, why);

	for (size_t i = first; i < 2 && r == OK; i++) {
		Route *route = NULL;

		r = route_fetch(cli, i == 0 ? "" : SYSTEM, &route, why);
		if (r != OK && r != ERR_NOT_FOUND)
			break;
		r = OK;
		if (cli_format(cli) == FORMAT_TABLE)
			route_lines(cli, names[i], route);
		json_array_append_new(list, route_json(cli, names[i], route));
		call_free(route);
	}
	if (r == OK && cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, json_incref(list));
	json_decref(list);
	return r;
}

/* ---- delete ---- */

enum err
run_inference_delete(struct cli *cli, struct why *why)
{
	Openshell__Inference__V1__DeleteInferenceRouteRequest request =
	    OPENSHELL__INFERENCE__V1__DELETE_INFERENCE_ROUTE_REQUEST__INIT;
	Openshell__Inference__V1__DeleteInferenceRouteResponse *answer;
	enum err r;

	request.route_name = route_of(cli);
	request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_DeleteInferenceRoute(&cli->connection, &request, &answer, why)) != OK)
		return r;
	printf(answer->deleted ? "Deleted inference route %s\n" : "Inference route %s is not configured\n",
	    cli_on(cli, FLAG_SYSTEM) ? SYSTEM : USER);
	call_free(answer);
	return OK;
}
