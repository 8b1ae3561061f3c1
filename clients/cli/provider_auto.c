/* Which providers a new sandbox gets. */
#include "clients/cli/provider_auto.h"

#include <string.h>
#include <unistd.h>

#include "clients/cli/provider_show.h"
#include "common/provider/discovery.h"
#include "common/provider/type.h"

#define PAGE	   100
#define SUFFIX_MAX 4

struct providers {
	struct cli *cli;
	char **names;
	size_t count;
};

/* ---- what there is ---- */

/* Is there a provider of this name? Its type is of no matter. */
static enum err
exists(struct cli *cli, const char *name, bool *out, struct why *why)
{
	Openshell__V1__GetProviderRequest request = OPENSHELL__V1__GET_PROVIDER_REQUEST__INIT;
	Openshell__V1__ProviderResponse *answer;
	enum err r;

	request.name = (char *)(uintptr_t)name;
	request.workspace = cli_workspace(cli);
	r = call_GetProvider(&cli->connection, &request, &answer, why);
	*out = r == OK;
	if (r == OK)
		call_free(answer);
	return r == ERR_NOT_FOUND ? OK : r;
}

/* The first provider of a type, in the arena; NULL: none. */
static enum err
of_type(struct cli *cli, struct span type, const char **out, struct why *why)
{
	Openshell__V1__ListProvidersRequest request = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;
	Openshell__V1__ListProvidersResponse *list;
	size_t n = PAGE;
	enum err r;

	*out = NULL;
	request.has_limit = request.has_offset = true;
	request.limit = PAGE;
	request.workspace = cli_workspace(cli);
	for (request.offset = 0; n == PAGE && *out == NULL; request.offset += PAGE) {
		if ((r = call_ListProviders(&cli->connection, &request, &list, why)) != OK)
			return r;
		n = list->n_providers;
		for (size_t i = 0; i < n && *out == NULL; i++)
			if (list->providers[i]->metadata != NULL && list->providers[i]->type != NULL &&
			    span_is(type, list->providers[i]->type))
				*out = arena_text(&cli->arena, span_of_text(list->providers[i]->metadata->name));
		call_free(list);
	}
	return OK;
}

/* ---- making one ---- */

/* --auto-providers, or the answer on a terminal. */
static bool
wished(struct cli *cli, const char *name, const char *type)
{
	const struct value *flag = &cli->args.values[FLAG_AUTO_PROVIDERS];
	char line[16] = "";

	if (flag->set || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return flag->on;
	fprintf(stderr, "There is no provider %s. Create it from the %s credentials of this machine? [Y/n] ",
	    shown(&cli->arena, name), shown(&cli->arena, type));
	return fgets(line, sizeof(line), stdin) != NULL && line[0] != 'n' && line[0] != 'N';
}

/* Make it; where the name is taken meanwhile, with -1 and so on behind it if that is allowed. */
static enum err
make(struct cli *cli, const char *name, const char *type, bool suffix, const char **out, struct why *why)
{
	const char *try = name;
	enum err r = OK;

	for (unsigned i = 1; i <= SUFFIX_MAX + 1; i++) {
		Provider *provider;

		if ((r = provider_new(cli, try, &provider, why)) != OK)
			return r;
		provider->type = (char *)(uintptr_t)type;
		provider->profile_workspace = cli_workspace(cli);
		if ((r = provider_find(cli, type, provider, why)) != OK) {
			provider_wipe(provider);
			return r;
		}
		if ((r = provider_create(cli, provider, out, why)) != ERR_EXISTS || !suffix)
			return r;
		try = arena_format(&cli->arena, "%s-%u", name, i);
	}
	return r;
}

static void
add(struct providers *providers, const char *name)
{
	for (size_t i = 0; i < providers->count; i++)
		if (strcmp(providers->names[i], name) == 0)
			return;
	providers->names[providers->count++] = (char *)(uintptr_t)name;
}

/* Nothing found on this machine is no reason not to have the sandbox. */
static enum err
make_and_add(struct providers *providers, const char *name, const char *type, bool suffix, struct why *why)
{
	const char *made;
	enum err r = make(providers->cli, name, type, suffix, &made, why);

	if (r == OK) {
		add(providers, made);
	} else if (r == ERR_NOT_FOUND) {
		cli_note(providers->cli, "Warning: %s; going on without provider %s", why->text,
		    shown(&providers->cli->arena, name));
		r = OK;
	}
	return r;
}

/* One that --provider names. */
static enum err
named(struct providers *providers, const char *name, struct why *why)
{
	struct cli *cli = providers->cli;
	const char *safe = shown(&cli->arena, name);
	char *type;
	bool there;
	enum err r;

	if ((r = exists(cli, name, &there, why)) != OK)
		return r;
	if (there) {
		add(providers, name);
		return OK;
	}
	if (!provider_type_known(span_of_text(name)))
		return fail(why, ERR_NOT_FOUND,
		    "there is no provider %.80s: `openshell provider create --name %.80s --type TYPE --credential KEY` "
		    "makes one",
		    safe, safe);
	if ((type = arena_text(&cli->arena, provider_type(span_of_text(name)))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if (!wished(cli, name, type))
		return fail(why, ERR_NOT_FOUND,
		    "missing required provider %.80s: --auto-providers creates it from this machine's credentials",
		    safe);
	return make_and_add(providers, name, type, false, why);
}

/* The one that the command needs, unless profiles say what they are for (providers_v2_enabled). */
static enum err
inferred(struct providers *providers, struct span type, struct why *why)
{
	struct cli *cli = providers->cli;
	const char *name, *text = arena_text(&cli->arena, type);
	bool v2;
	enum err r;

	if (text == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = provider_v2(cli, &v2, why)) != OK || v2 || (r = of_type(cli, type, &name, why)) != OK)
		return r;
	if (name != NULL) {
		add(providers, name);
		return OK;
	}
	if (wished(cli, text, text))
		return make_and_add(providers, text, text, true, why);
	cli_note(
	    cli, "There is no provider of type %s; --auto-providers creates one from this machine's credentials", text);
	return OK;
}

static void
warn_environment(struct cli *cli)
{
	const struct value *env = &cli->args.values[FLAG_ENV], *warnings = &cli->args.values[FLAG_CREDENTIAL_WARNINGS];

	for (size_t i = 0; i < env->count && !warnings->set; i++) {
		struct span rest = span_of_text(env->list[i]), key = span_cut(&rest, '=');

		if (provider_looks_secret(key) && rest.length > 0)
			cli_note(cli,
			    "Warning: --env %s looks like a secret, which the sandbox will hold in clear; a provider "
			    "gives it a "
			    "placeholder instead (--no-credential-warnings hides this)",
			    shown(&cli->arena, arena_text(&cli->arena, key)));
	}
}

enum err
provider_auto(struct cli *cli, char ***out, size_t *n, struct why *why)
{
	const struct value *given = &cli->args.values[FLAG_PROVIDER], *flag = &cli->args.values[FLAG_AUTO_PROVIDERS];
	struct providers providers = {cli, arena_array(&cli->arena, given->count + 2, sizeof(char *)), 0};
	struct span type = cli->args.operands_count == 0 || (flag->set && !flag->on)
			       ? SPAN_NONE
			       : provider_type_of_command(span_of_text(cli->args.operands[0]));
	enum err r = OK;

	warn_environment(cli);
	if (providers.names == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < given->count && r == OK; i++)
		r = named(&providers, given->list[i], why);
	if (r == OK && type.length > 0)
		r = inferred(&providers, type, why);
	*out = providers.names;
	*n = providers.count;
	return r;
}
