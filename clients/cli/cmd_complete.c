/* completions, and the hidden command behind them: candidates for the last word, from the same tables. */
#include <string.h>

#include "clients/cli/check.h"
#include "clients/cli/commands.h"
#include "clients/cli/forward_record.h"
#include "clients/cli/sandbox.h"
#include "common/provider/builtin.h"
#include "common/provider/type.h"

#define CANDIDATES_MAX 200

/* Each script gives the words up to the cursor to `openshell __complete` and offers the lines it prints:
 * WORD<TAB>HELP. */
static const struct {
	const char *shell, *script;
} scripts[] = {
    {"bash", "_openshell() {\n"
	     "\tlocal IFS=$'\\n' line word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
	     "\t[ \"$word\" != = ] || word=\n" /* bash makes a word of the = in --output=json */
	     "\tCOMPREPLY=()\n"
	     "\twhile read -r line; do\n"
	     "\t\tcase \"$line\" in\n"
	     "\t\t:files) COMPREPLY+=($(compgen -f -- \"$word\")); compopt -o filenames ;;\n"
	     "\t\t:directories) COMPREPLY+=($(compgen -d -- \"$word\")); compopt -o filenames ;;\n"
	     "\t\t\"$word\"*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	     "\t\tesac\n"
	     "\tdone < <(openshell __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	     "}\n"
	     "complete -o default -F _openshell openshell\n"},
    {"fish", "function __openshell_complete\n"
	     "\tset -l words (commandline -opc) (commandline -ct)\n"
	     "\tfor line in (openshell __complete -- $words[2..-1] 2>/dev/null)\n"
	     "\t\tswitch $line\n"
	     "\t\tcase :files\n"
	     "\t\t\t__fish_complete_path (commandline -ct)\n"
	     "\t\tcase :directories\n"
	     "\t\t\t__fish_complete_directories (commandline -ct)\n"
	     "\t\tcase '*'\n"
	     "\t\t\techo $line\n"
	     "\t\tend\n"
	     "\tend\n"
	     "end\n"
	     "complete -c openshell -f -a '(__openshell_complete)'\n"},
    {"zsh", "#compdef openshell\n"
	    "_openshell() {\n"
	    "\tlocal line\n"
	    "\tlocal -a found\n"
	    "\twhile IFS= read -r line; do\n"
	    "\t\tcase \"$line\" in\n"
	    "\t\t:files) _files ;;\n"
	    "\t\t:directories) _files -/ ;;\n"
	    "\t\t*) line=\"${line//:/\\\\:}\"; found+=(\"${line/$'\\t'/:}\") ;;\n"
	    "\t\tesac\n"
	    "\tdone < <(openshell __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	    "\t(( ${#found} )) && _describe openshell found\n"
	    "}\n"
	    "compdef _openshell openshell\n"},
};

enum err
run_completions(struct cli *cli, struct why *why)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (strcmp(scripts[i].shell, cli->args.operands[0]) == 0) {
			fputs(scripts[i].script, stdout);
			return OK;
		}
	return fail(why, ERR_INVALID, "no completions for this shell");
}

/* What has been typed before the word that is completed. */
struct place {
	const struct command *command;
	const struct flag *value_of; /* the word is this flag's value */
	size_t operands;
	bool dashes;
	const char *gateway;
};

/* One complete word on the way to the place. */
static void
place_word(struct place *place, const char *word)
{
	const struct command *next;
	const struct flag *flag = NULL;

	if (place->value_of != NULL && strcmp(word, "=") == 0)
		return; /* as bash parts --name=value */
	if (place->value_of != NULL) {
		if (place->value_of->id == FLAG_GATEWAY)
			place->gateway = word;
		place->value_of = NULL;
	} else if (place->dashes) {
		place->operands++;
	} else if (strcmp(word, "--") == 0) {
		place->dashes = true;
	} else if (word[0] == '-' && word[1] == '-') {
		flag =
		    flag_by_name(place->command, span_of_text(word + 2)); /* none with "=value" in it, which is whole */
	} else if (word[0] == '-' && word[1] != '\0') {
		flag = word[2] == '\0' ? flag_by_letter(place->command, word[1]) : NULL;
	} else if (place->command->commands == NULL) {
		place->operands++;
		place->dashes |= place->command->operand.kind == OPERAND_COMMAND;
	} else if ((next = command_by_name(place->command, span_of_text(word))) != NULL) {
		place->command = next;
	}
	if (flag != NULL && flag_takes_value(flag))
		place->value_of = flag;
}

static void
candidate(struct cli *cli, const char *prefix, const char *word, const char *help)
{
	if (strncmp(word, prefix, strlen(prefix)) != 0)
		return;
	printf(help == NULL ? "%s\n" : "%s\t%s\n", shown(&cli->arena, word), help);
}

static void
complete_settings(struct cli *cli, const char *prefix)
{
	const char *key;

	for (size_t i = 0; (key = setting_key(i)) != NULL; i++)
		candidate(cli, prefix, key, NULL);
}

static void
complete_forwards(struct cli *cli, const char *prefix)
{
	struct forward_record *list;
	size_t count;

	if (forward_list(&cli->places, &cli->arena, &list, &count, NULL) != OK)
		return;
	for (size_t i = 0; i < count; i++)
		candidate(cli, prefix, arena_format(&cli->arena, "%u", list[i].port),
		    arena_format(&cli->arena, "to sandbox %s", shown(&cli->arena, list[i].sandbox)));
}

static void
complete_flags(struct cli *cli, const char *prefix, const struct flag *flags)
{
	for (const struct flag *f = flags; f != NULL && f->id != FLAG_NONE; f++)
		if (!f->hidden)
			candidate(cli, prefix, arena_format(&cli->arena, "--%s", f->name), f->help);
}

static void
complete_commands(struct cli *cli, const char *prefix, const struct command *group)
{
	for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++)
		if (!c->hidden && !c->later)
			candidate(cli, prefix, c->name, c->summary);
}

static void
complete_gateways(struct cli *cli, const char *prefix)
{
	struct gateway *list;
	size_t count;

	if (gateway_list(&cli->places, &cli->arena, &list, &count, NULL) != OK)
		return;
	for (size_t i = 0; i < count; i++)
		candidate(cli, prefix, list[i].name, shown(&cli->arena, list[i].endpoint));
}

/* Ask the gateway; a gateway that does not answer offers nothing. */
static void
complete_sandboxes(struct cli *cli, const char *prefix, const char *gateway)
{
	Openshell__V1__ListSandboxesRequest request = OPENSHELL__V1__LIST_SANDBOXES_REQUEST__INIT;
	Openshell__V1__ListSandboxesResponse *list;

	if (gateway != NULL)
		cli->args.values[FLAG_GATEWAY].text = gateway;
	request.has_limit = true;
	request.limit = CANDIDATES_MAX;
	request.workspace = cli_workspace(cli);
	if (cli_connect(cli, NULL) != OK || call_ListSandboxes(&cli->connection, &request, &list, NULL) != OK)
		return;
	for (size_t i = 0; i < list->n_sandboxes; i++)
		if (list->sandboxes[i]->metadata != NULL && /* a shell puts it into a command line: no other bytes */
		    check_sandbox(span_of_text(list->sandboxes[i]->metadata->name), NULL) == OK)
			candidate(cli, prefix, list->sandboxes[i]->metadata->name,
			    phase_name(sandbox_phase(list->sandboxes[i])));
	call_free(list);
}

static void
complete_providers(struct cli *cli, const char *prefix, const char *gateway)
{
	Openshell__V1__ListProvidersRequest request = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;
	Openshell__V1__ListProvidersResponse *list;

	if (gateway != NULL)
		cli->args.values[FLAG_GATEWAY].text = gateway;
	request.has_limit = true;
	request.limit = CANDIDATES_MAX;
	request.workspace = cli_workspace(cli);
	if (cli_connect(cli, NULL) != OK || call_ListProviders(&cli->connection, &request, &list, NULL) != OK)
		return;
	for (size_t i = 0; i < list->n_providers; i++)
		if (list->providers[i]->metadata != NULL &&
		    provider_name_check(span_of_text(list->providers[i]->metadata->name), NULL) == OK)
			candidate(cli, prefix, list->providers[i]->metadata->name,
			    shown(&cli->arena, list->providers[i]->type));
	call_free(list);
}

static void
complete_profiles(struct cli *cli, const char *prefix, const char *gateway, bool own)
{
	Openshell__V1__ListProviderProfilesRequest request = OPENSHELL__V1__LIST_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__ListProviderProfilesResponse *list;

	if (gateway != NULL)
		cli->args.values[FLAG_GATEWAY].text = gateway;
	request.has_limit = true;
	request.limit = CANDIDATES_MAX;
	request.workspace = cli_workspace(cli);
	if (cli_connect(cli, NULL) != OK || call_ListProviderProfiles(&cli->connection, &request, &list, NULL) != OK)
		return;
	for (size_t i = 0; i < list->n_profiles; i++)
		if (list->profiles[i]->id != NULL &&
		    provider_name_check(span_of_text(list->profiles[i]->id), NULL) == OK &&
		    !(own && provider_builtin(span_of_text(list->profiles[i]->id))))
			candidate(
			    cli, prefix, list->profiles[i]->id, shown(&cli->arena, list->profiles[i]->display_name));
	call_free(list);
}

static void
complete_kind(
    struct cli *cli, const struct place *place, const char *prefix, enum complete kind, const char *const *choices)
{
	for (size_t i = 0; choices != NULL && choices[i] != NULL; i++)
		candidate(cli, prefix, choices[i], NULL);
	if (kind == COMPLETE_FILE)
		puts(":files");
	else if (kind == COMPLETE_DIRECTORY)
		puts(":directories");
	else if (kind == COMPLETE_GATEWAY)
		complete_gateways(cli, prefix);
	else if (kind == COMPLETE_SETTING)
		complete_settings(cli, prefix);
	else if (kind == COMPLETE_FORWARD)
		complete_forwards(cli, prefix);
	else if (kind == COMPLETE_SANDBOX)
		complete_sandboxes(cli, prefix, place->gateway);
	else if (kind == COMPLETE_PROVIDER)
		complete_providers(cli, prefix, place->gateway);
	else if (kind == COMPLETE_PROFILE || kind == COMPLETE_PROFILE_OWN)
		complete_profiles(cli, prefix, place->gateway, kind == COMPLETE_PROFILE_OWN);
}

enum err
run_complete(struct cli *cli, struct why *why)
{
	struct place place = {.command = &command_root};
	size_t count = cli->args.operands_count;
	const char *prefix = count == 0 ? "" : cli->args.operands[count - 1];

	(void)why;
	for (size_t i = 0; i + 1 < count; i++)
		place_word(&place, cli->args.operands[i]);
	if (place.value_of != NULL && strcmp(prefix, "=") == 0)
		prefix = "";
	if (place.value_of != NULL) {
		complete_kind(cli, &place, prefix, place.value_of->complete, place.value_of->choices);
	} else if (!place.dashes && prefix[0] == '-') {
		complete_flags(cli, prefix, place.command->flags);
		complete_flags(cli, prefix, flags_global);
	} else if (place.command->commands != NULL) {
		complete_commands(cli, prefix, place.command);
	} else if (place.operands < place.command->operand.most) {
		const struct operand *operand = &place.command->operand;

		complete_kind(cli, &place, prefix,
		    place.operands > 0 && operand->rest != COMPLETE_NONE ? operand->rest : operand->complete,
		    operand->choices);
	}
	return OK;
}
