/*
 * What ./bench and ./soak time from inside one process, on one held connection to the active gateway; each result is a
 * line of microseconds.
 *
 *   hold exec NAME COUNT          ExecSandbox of /bin/true
 *   hold cycle PREFIX COUNT       two columns: create to the first byte of output; delete to NOT_FOUND
 *   hold fill PREFIX COUNT        create so many and wait until each is ready; one column
 *   hold empty PREFIX COUNT       delete them again
 *   hold run COUNT COMMAND...     with no gateway: start a program so many times, each until it has ended
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/sdk/calls.h"
#include "clients/sdk/watch.h"
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define PHASE_READY OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY
#define PHASE_ERROR OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR

static struct connection connection;

static void __attribute__((noreturn)) give_up(const char *what, const struct why *why)
{
	fprintf(stderr, "hold: %s: %s\n", what, why->text);
	exit(1);
}

/* ---- commands ---- */

struct command {
	uint64_t first_us; /* when the first byte of output came */
	bool ended, failed;
	int code;
	struct rpc_status status;
};

static bool
got(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct command *command = self;

	(void)stream;
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT && command->first_us == 0)
		command->first_us = clock_us();
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT)
		command->code = event->exit->exit_code;
	return true;
}

static void
over(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct command *command = self;

	(void)stream;
	command->ended = true;
	command->failed = status->code != 0;
	command->status = *status;
}

static void
run(const char *id, char **argv, size_t n, struct command *command)
{
	struct rpc_stream_config config = {.path = "/openshell.v1.OpenShell/ExecSandbox",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = command,
	    .message = got,
	    .ended = over};
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct rpc_stream *stream;
	struct why why = {0};

	*command = (struct command){.code = -1};
	request.sandbox_id = (char *)id;
	request.command = argv;
	request.n_command = n;
	if (rpc_stream_open(connection.client, &config, &request.base, true, &stream, &why) != OK)
		give_up("exec", &why);
	while (!command->ended)
		if (loop_turn(connection.loop, -1, &why) != OK)
			give_up("exec", &why);
	if (command->failed)
		fail(&why, ERR_INTERNAL, "%s", command->status.message);
	else if (command->code != 0)
		fail(&why, ERR_INTERNAL, "code %d", command->code);
	if (command->failed || command->code != 0)
		give_up("exec", &why);
}

/* ---- sandboxes ---- */

static char *
create(const char *name)
{
	Openshell__V1__CreateSandboxRequest request = OPENSHELL__V1__CREATE_SANDBOX_REQUEST__INIT;
	Openshell__V1__SandboxSpec spec = OPENSHELL__V1__SANDBOX_SPEC__INIT;
	Openshell__V1__SandboxResponse *answer;
	static char sleep[] = "/bin/sleep", infinity[] = "infinity";
	char *command[] = {sleep, infinity}, *id;
	struct why why = {0};

	spec.command = command;
	spec.n_command = 2;
	request.spec = &spec;
	request.name = (char *)name;
	if (call_CreateSandbox(&connection, &request, &answer, &why) != OK)
		give_up(name, &why);
	id = strdup(answer->sandbox->metadata->id);
	call_free(answer);
	return id;
}

static enum watch_next
ready(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	const Openshell__V1__SandboxStatus *status;

	(void)self;
	if (event->payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX)
		return WATCH_ON;
	status = event->sandbox->status;
	if (status->phase == PHASE_READY)
		return WATCH_DONE;
	if (status->phase != PHASE_ERROR)
		return WATCH_ON;
	fail(why, ERR_INTERNAL, "%s", status->n_conditions > 0 ? status->conditions[0]->message : "error");
	return WATCH_FAILED;
}

/* Its stream just ends, which the library calls not found. */
static enum watch_next
seen_gone(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	(void)self;
	(void)event;
	(void)why;
	return WATCH_ON;
}

static void
wait_for(const char *id, const char *what,
    enum watch_next (*event)(void *, const Openshell__V1__SandboxStreamEvent *, struct why *))
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct watching watching = {.request = &request, .idle_ms = 60000, .event = event};
	struct why why = {0};
	enum err r;

	request.id = (char *)id;
	request.has_follow_status = request.follow_status = true;
	r = watch_sandbox(&connection, &watching, &why);
	if (r != OK && !(event == seen_gone && r == ERR_NOT_FOUND))
		give_up(what, &why);
}

static void delete (const char *name, const char *id)
{
	Openshell__V1__DeleteSandboxRequest request = OPENSHELL__V1__DELETE_SANDBOX_REQUEST__INIT;
	Openshell__V1__DeleteSandboxResponse *answer;
	struct why why = {0};

	request.name = (char *)name;
	if (call_DeleteSandbox(&connection, &request, &answer, &why) != OK)
		give_up(name, &why);
	call_free(answer);
	if (id != NULL)
		wait_for(id, "gone", seen_gone);
}

static void
cycle(const char *prefix, unsigned n)
{
	static char echo[] = "/bin/echo", hello[] = "hello";
	char name[32], *argv[] = {echo, hello};
	struct command command;
	uint64_t begun, output;
	char *id;

	snprintf(name, sizeof(name), "%s-%u", prefix, n);
	begun = clock_us();
	id = create(name);
	wait_for(id, "ready", ready);
	run(id, argv, 2, &command);
	output = command.first_us - begun;
	begun = clock_us();
	delete (name, id);
	free(id);
	printf("%llu %llu\n", (unsigned long long)output, (unsigned long long)(clock_us() - begun));
}

static void
cycle_many(const char *prefix, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		cycle(prefix, i);
}

static char *
id_of(const char *name)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__SandboxResponse *row;
	struct why why = {0};
	char *id;

	get.name = (char *)name;
	if (call_GetSandbox(&connection, &get, &row, &why) != OK)
		give_up(name, &why);
	id = strdup(row->sandbox->metadata->id);
	call_free(row);
	return id;
}

static void
exec_many(const char *name, unsigned count)
{
	static char nothing[] = "/bin/true";
	char *id = id_of(name), *argv[] = {nothing};
	struct command command;

	for (unsigned i = 0; i < count; i++) {
		uint64_t begun = clock_us();

		run(id, argv, 1, &command);
		printf("%llu\n", (unsigned long long)(clock_us() - begun));
	}
	free(id);
}

static void
fill(const char *prefix, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		uint64_t begun = clock_us();
		char *id;

		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		id = create(name);
		wait_for(id, "ready", ready);
		free(id);
		printf("%llu\n", (unsigned long long)(clock_us() - begun));
		fflush(stdout);
	}
}

/* All are asked to go first, so that they go at the same time. */
static void
empty(const char *prefix, unsigned count)
{
	char **ids = calloc(count, sizeof(*ids)), name[32];

	for (unsigned i = 0; ids != NULL && i < count; i++) {
		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		ids[i] = id_of(name);
		delete (name, NULL);
	}
	for (unsigned i = 0; ids != NULL && i < count; i++) {
		wait_for(ids[i], "gone", seen_gone);
		free(ids[i]);
	}
	free(ids);
}

/* ---- programs ---- */

static void
run_many(char **argv, uint64_t count)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t begun = clock_us();

		if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0) {
			fprintf(stderr, "hold: %s failed\n", argv[0]);
			exit(1);
		}
		printf("%llu\n", (unsigned long long)(clock_us() - begun));
	}
	posix_spawn_file_actions_destroy(&actions);
}

/* ---- all of it ---- */

static const struct {
	const char *name;
	void (*call)(const char *name, unsigned count);
} verbs[] = {{"exec", exec_many}, {"cycle", cycle_many}, {"fill", fill}, {"empty", empty}};

static void
connected(char **argv, uint64_t count)
{
	struct gateway_choice choice = {getenv("OPENSHELL_GATEWAY_ENDPOINT"), getenv("OPENSHELL_GATEWAY")};
	static struct arena arena;
	struct places places;
	struct gateway gateway;
	struct loop *loop;
	struct why why = {0};

	log_open("hold", LOG_LEVEL_WARNING);
	if (places_find(&places, &why) != OK || gateway_resolve(&places, &choice, &arena, &gateway, &why) != OK ||
	    loop_new(&loop, &why) != OK || connection_open(&connection, loop, &places, &gateway, false, &why) != OK)
		give_up("connect", &why);
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			verbs[i].call(argv[2], (unsigned)count);
	connection_close(&connection);
	loop_free(loop);
	arena_reset(&arena);
}

int
main(int argc, char **argv)
{
	bool programs = argc > 3 && strcmp(argv[1], "run") == 0;
	struct why why = {0};
	uint64_t count;

	if ((argc != 4 && !programs) ||
	    number_parse(span_of_text(argv[programs ? 2 : 3]), 1, 1000000, &count, &why) != OK) {
		fprintf(stderr, "usage: hold exec|cycle|fill|empty NAME COUNT; hold run COUNT COMMAND...\n");
		return 2;
	}
	if (programs)
		run_many(argv + 3, count);
	else
		connected(argv, count);
	return 0;
}
