/* gateway add, list, select, remove: the files of the configuration directory. */
#include <string.h>
#include <unistd.h>

#include "clients/cli/commands.h"

#define MTLS "mtls"

/* What `gateway add` was asked for, taken apart. */
struct addition {
	struct gateway gateway;
	bool local, secure;
};

/* The name a gateway gets when none is given. */
static const char *
name_of(const char *endpoint, struct arena *arena)
{
	struct span host = gateway_host(endpoint);

	return gateway_host_loopback(host) ? "openshell" : arena_text(arena, host);
}

/* ssh://[user@]host:port: the gateway's own port, on a machine that is reached as user@host. */
static enum err
addition_ssh(struct cli *cli, struct span rest, struct addition *out, struct why *why)
{
	struct span login = rest, port = rest, host;
	size_t at;

	if (cli_on(cli, FLAG_LOCAL) || cli_text(cli, FLAG_REMOTE) != NULL)
		return cli_usage(cli, why, "an ssh:// endpoint goes with neither --local nor --remote");
	host = span_find(rest, '@', &at) ? span_tail(rest, at + 1) : rest;
	port = host;
	host = span_cut(&port, ':');
	login.length = (size_t)(host.at + host.length - rest.at);
	if (host.length == 0 || port.length == 0)
		return cli_usage(cli, why, "an ssh:// endpoint names the gateway's port: ssh://USER@HOST:17670");
	out->gateway.remote_host = arena_text(&cli->arena, login);
	out->gateway.resolved_host = arena_text(&cli->arena, host);
	out->gateway.endpoint =
	    arena_format(&cli->arena, "https://" SPAN_FORMAT ":" SPAN_FORMAT, SPAN_ARGS(host), SPAN_ARGS(port));
	out->gateway.is_remote = true;
	return OK;
}

static enum err
addition_read(struct cli *cli, struct addition *out, struct why *why)
{
	struct span text = span_of_text(cli->args.operands[0]);
	const char *remote = cli_text(cli, FLAG_REMOTE), *login;
	enum err r = OK;

	while (text.length > 0 && text.at[text.length - 1] == '/')
		text.length--;
	if (span_starts(text, SPAN("ssh://"))) {
		r = addition_ssh(cli, span_tail(text, 6), out, why);
	} else {
		bool schemed = memmem(text.at, text.length, "://", 3) != NULL;

		out->gateway.endpoint =
		    arena_format(&cli->arena, "%s" SPAN_FORMAT, schemed ? "" : "https://", SPAN_ARGS(text));
		if (remote != NULL) {
			login = strrchr(remote, '@');
			out->gateway.remote_host = remote;
			out->gateway.resolved_host = login == NULL ? remote : login + 1;
			out->gateway.is_remote = true;
		}
	}
	if (r != OK)
		return r;
	if ((r = gateway_endpoint_check(span_of_text(out->gateway.endpoint), why)) != OK) {
		cli->exit_code = EXIT_USAGE;
		return because(why, r, "ENDPOINT \"%.80s\"", shown(&cli->arena, cli->args.operands[0]));
	}
	out->secure = strncmp(out->gateway.endpoint, "https:", 6) == 0;
	out->local =
	    cli_on(cli, FLAG_LOCAL) || (remote == NULL && gateway_host_loopback(gateway_host(out->gateway.endpoint)));
	out->gateway.auth_mode = out->secure ? MTLS : "plaintext";
	out->gateway.name = cli_text(cli, FLAG_NAME);
	if (out->gateway.name == NULL)
		out->gateway.name = name_of(out->gateway.endpoint, &cli->arena);
	return OK;
}

/* The client certificate that https needs: stored already, or copied from the gateway on this machine. */
static enum err
addition_certificate(struct cli *cli, const struct addition *addition, struct why *why)
{
	const struct gateway *gateway = &addition->gateway;
	const char *key = gateway_mtls_file(&cli->places, gateway, "tls.key", &cli->arena);
	enum err r;

	if (!addition->secure || (key != NULL && file_exists(key)))
		return OK;
	if (!addition->local)
		return fail(why, ERR_NOT_FOUND,
		    "%s wants a client certificate: put ca.crt, tls.crt and tls.key into %.*s and try again",
		    gateway->endpoint, (int)(strlen(key) - strlen("/tls.key")), key);
	if ((r = gateway_mtls_adopt(&cli->places, gateway->name, why)) == ERR_NOT_FOUND)
		return fail(why, r,
		    "no client certificate is stored for %s, and no gateway of this user has made one in %s: start it "
		    "first, with `openshell-gateway start`",
		    gateway->name, cli->places.tls);
	return r;
}

/* Try it; that it does not answer is a warning. */
static void
addition_try(struct cli *cli, const struct gateway *gateway)
{
	const Openshell__V1__HealthRequest request = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	Openshell__V1__HealthResponse *answer = NULL;
	struct why why = {0};
	enum err r;

	if ((r = loop_new(&cli->loop, &why)) == OK && (r = connection_open(&cli->connection, cli->loop, &cli->places,
							   gateway, cli_on(cli, FLAG_INSECURE), &why)) == OK)
		r = call_Health(&cli->connection, &request, &answer, &why);
	if (r == OK)
		cli_note(cli, "It answers: version %s", shown(&cli->arena, answer->version));
	else
		cli_note(cli, "Warning: it does not answer yet: %s", why.text);
	call_free(answer);
}

enum err
run_gateway_add(struct cli *cli, struct why *why)
{
	struct addition addition = {0};
	struct gateway *gateway = &addition.gateway, before;
	enum err r;

	if ((r = addition_read(cli, &addition, why)) != OK)
		return r;
	if (gateway_load(&cli->places, gateway->name, &cli->arena, &before, NULL) == OK && !before.system)
		return fail(why, ERR_EXISTS, "gateway %s already exists: choose another --name, or remove it first",
		    gateway->name);
	if ((r = addition_certificate(cli, &addition, why)) != OK ||
	    (r = gateway_store(&cli->places, gateway, why)) != OK ||
	    (r = gateway_select(&cli->places, gateway->name, why)) != OK)
		return r;
	cli_note(cli, "Added gateway %s (%s), now the active one", gateway->name, gateway->endpoint);
	addition_try(cli, gateway);
	return OK;
}

static const char *
type_of(const struct gateway *gateway)
{
	if (gateway->auth_mode != NULL && strcmp(gateway->auth_mode, "cloudflare_jwt") == 0)
		return "cloud";
	return gateway->is_remote ? "remote" : "local";
}

static const char *
auth_of(const struct gateway *gateway)
{
	if (gateway->auth_mode != NULL)
		return gateway->auth_mode;
	return strncmp(gateway->endpoint, "https:", 6) == 0 ? MTLS : "plaintext";
}

static json_t *
text_or_null(const char *text)
{
	return text == NULL ? json_null() : json_text(text);
}

static json_t *
gateway_json(const struct gateway *gateway, bool active)
{
	json_t *json = json_object();

	json_object_set_new(json, "name", json_text(gateway->name));
	json_object_set_new(json, "endpoint", json_text(gateway->endpoint));
	json_object_set_new(json, "type", json_text(type_of(gateway)));
	json_object_set_new(json, "source", json_text(gateway->system ? "system" : "user"));
	json_object_set_new(json, "auth", json_text(auth_of(gateway)));
	json_object_set_new(json, "active", json_boolean(active));
	json_object_set_new(json, "is_remote", json_boolean(gateway->is_remote));
	json_object_set_new(json, "remote_host", text_or_null(gateway->remote_host));
	json_object_set_new(json, "resolved_host", text_or_null(gateway->resolved_host));
	return json;
}

/* Every gateway, and the name of the active one ("" when none is). */
static enum err
load_all(struct cli *cli, struct gateway **list, size_t *count, const char **active, struct why *why)
{
	*active = cli_text(cli, FLAG_GATEWAY);
	if (*active == NULL && gateway_active(&cli->places, &cli->arena, active, NULL) != OK)
		*active = "";
	return gateway_list(&cli->places, &cli->arena, list, count, why);
}

static void
print_table(struct cli *cli, const struct gateway *list, size_t count, const char *active)
{
	struct table table = {.arena = &cli->arena};

	table_row(&table, (const char *const[]){"  NAME", "ENDPOINT", "TYPE", "SOURCE", "AUTH"}, 5);
	for (size_t i = 0; i < count; i++) {
		bool is_active = strcmp(list[i].name, active) == 0;
		const char *name = arena_format(&cli->arena, "%s %s", is_active ? "*" : " ", list[i].name);

		table_row(&table,
		    (const char *const[]){name, list[i].endpoint, type_of(&list[i]), list[i].system ? "system" : "user",
			auth_of(&list[i])},
		    5);
	}
	table_print(stdout, &table, cli->color_out);
}

enum err
run_gateway_list(struct cli *cli, struct why *why)
{
	struct gateway *list;
	const char *active;
	json_t *array;
	size_t count;
	enum err r;

	if ((r = load_all(cli, &list, &count, &active, why)) != OK)
		return r;
	if (cli_format(cli) == FORMAT_TABLE) {
		if (count == 0)
			puts("No gateways found. Start one here with `openshell-gateway start`, or add one with\n"
			     "`openshell gateway add ENDPOINT`.");
		else
			print_table(cli, list, count, active);
		return OK;
	}
	array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, gateway_json(&list[i], strcmp(list[i].name, active) == 0));
	cli_print(cli, array);
	return OK;
}

/* Ask on the terminal which one. */
static enum err
choose(const struct gateway *list, size_t count, const char **out, struct why *why)
{
	char line[32] = "";
	uint64_t number;

	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%3zu  %s  %s\n", i + 1, list[i].name, list[i].endpoint);
	fprintf(stderr, "Which gateway shall be active? Number: ");
	if (fgets(line, sizeof(line), stdin) == NULL)
		return fail(why, ERR_CANCELLED, "nothing was chosen");
	line[strcspn(line, "\n")] = '\0';
	if (number_parse(span_of_text(line), 1, count, &number, why) != OK)
		return because(why, ERR_INVALID, "nothing was chosen");
	*out = list[number - 1].name;
	return OK;
}

enum err
run_gateway_select(struct cli *cli, struct why *why)
{
	const char *name = cli->args.operands_count > 0 ? cli->args.operands[0] : NULL, *active;
	struct gateway *list, gateway;
	size_t count;
	enum err r;

	if (name == NULL) {
		if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
			return run_gateway_list(cli, why);
		if ((r = load_all(cli, &list, &count, &active, why)) != OK)
			return r;
		if (count == 0)
			return fail(
			    why, ERR_NOT_FOUND, "no gateway is known: add one with `openshell gateway add ENDPOINT`");
		if ((r = choose(list, count, &name, why)) != OK)
			return r;
	}
	if ((r = gateway_load(&cli->places, name, &cli->arena, &gateway, why)) != OK)
		return r != ERR_NOT_FOUND
			   ? r
			   : fail(why, r, "no gateway is named %s: `openshell gateway list` shows what there is",
				 shown(&cli->arena, name));
	if ((r = gateway_select(&cli->places, name, why)) != OK)
		return r;
	cli_note(cli, "Active gateway: %s (%s)", name, gateway.endpoint);
	return OK;
}

enum err
run_gateway_remove(struct cli *cli, struct why *why)
{
	const char *name = cli->args.operands_count > 0 ? cli->args.operands[0] : cli_text(cli, FLAG_GATEWAY);
	enum err r;

	if (name == NULL && (r = gateway_active(&cli->places, &cli->arena, &name, why)) != OK)
		return r;
	if ((r = gateway_remove(&cli->places, name, why)) != OK)
		return r;
	cli_note(cli, "Removed gateway %s", name);
	return OK;
}
