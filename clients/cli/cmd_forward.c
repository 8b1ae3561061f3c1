/* forward start, stop and list: ports of this machine that lead into a sandbox by ssh. */
#include <stdio.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/forward_record.h"
#include "clients/cli/forward_ssh.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/ssh_child.h"
#include "common/base/clean.h"

static const char *
operand(const struct cli *cli, size_t i)
{
	return cli->args.operands_count > i ? cli->args.operands[i] : NULL;
}

enum err
run_forward_start(struct cli *cli, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	struct listener_address address;
	const char *ssh;
	char *name;
	enum err r;

	if ((r = listener_parse(span_of_text(operand(cli, 0)), 1, &address, why)) != OK)
		return cli_usage(cli, why, "\"%.60s\": [ADDRESS:]PORT is wanted, as 8080 or 0.0.0.0:8080",
		    shown(&cli->arena, operand(cli, 0)));
	if ((r = listener_try(&address, why)) != OK || (r = program_find(cli, "ssh", &ssh, why)) != OK ||
	    (r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK ||
	    (r = sandbox_choose(cli, operand(cli, 1), &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	if ((r = sandbox_ready(cli, answer->sandbox, name, why)) == OK) {
		sandbox_used(cli, name);
		r = forward_ssh(cli, answer->sandbox, name, &address, cli_on(cli, FLAG_BACKGROUND), why);
	}
	call_free(answer);
	return r;
}

/* Is it one that is asked for? */
static bool
meant(const struct forward_record *record, uint16_t port, const char *name)
{
	return record->port == port && (name == NULL || strcmp(record->sandbox, name) == 0);
}

enum err
run_forward_stop(struct cli *cli, struct why *why)
{
	const char *name = operand(cli, 1);
	struct forward_record *list;
	size_t count, stopped = 0;
	uint64_t port;
	enum err r;

	if (number_parse(span_of_text(operand(cli, 0)), 1, UINT16_MAX, &port, NULL) != OK)
		return cli_usage(
		    cli, why, "\"%.60s\": a port from 1 to 65535 is wanted", shown(&cli->arena, operand(cli, 0)));
	if ((r = forward_list(&cli->places, &cli->arena, &list, &count, why)) != OK)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (!meant(&list[i], (uint16_t)port, name))
			continue;
		stopped++;
		cli_note(cli,
		    forward_end(&cli->places, &list[i]) ? "Stopped forward of port %u to sandbox %s"
							: "Forward of port %u to sandbox %s had ended already",
		    (unsigned)port, shown(&cli->arena, list[i].sandbox));
	}
	if (stopped == 0)
		cli_note(cli, "No forward of port %u%s%s", (unsigned)port, name == NULL ? "" : " to sandbox ",
		    name == NULL ? "" : shown(&cli->arena, name));
	return OK;
}

static const char *
state_of(const struct forward_record *record)
{
	return forward_runs(record) ? "running" : "dead";
}

static json_t *
forwards_json(const struct forward_record *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *json = json_object();

		json_object_set_new(json, "sandbox", json_text(list[i].sandbox));
		json_object_set_new(json, "bind", json_text(list[i].bind));
		json_object_set_new(json, "port", json_integer(list[i].port));
		json_object_set_new(json, "pid", json_integer(list[i].pid));
		json_object_set_new(json, "status", json_string(state_of(&list[i])));
		json_array_append_new(array, json);
	}
	return array;
}

enum err
run_forward_list(struct cli *cli, struct why *why)
{
	static const char *const header[] = {"SANDBOX", "BIND", "PORT", "PID", "STATUS"};
	struct table table = {.arena = &cli->arena};
	struct forward_record *list;
	size_t count;
	enum err r = forward_list(&cli->places, &cli->arena, &list, &count, why);

	if (r != OK)
		return r;
	if (cli_format(cli) != FORMAT_TABLE) {
		cli_print(cli, forwards_json(list, count));
		return OK;
	}
	if (count == 0) {
		cli_note(cli, "No active forwards.");
		return OK;
	}
	table_row(&table, header, COUNT(header));
	for (size_t i = 0; i < count; i++) {
		const char *const cells[] = {list[i].sandbox, list[i].bind,
		    arena_format(&cli->arena, "%u", list[i].port), arena_format(&cli->arena, "%ld", (long)list[i].pid),
		    state_of(&list[i])};

		table_row(&table, cells, COUNT(cells));
	}
	table_print(stdout, &table, cli->color_out);
	return OK;
}
