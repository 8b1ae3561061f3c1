/* Waiting for a version of a policy. The public interface has no event for it, so it is asked: soon at first, then
 * less. */
#include "clients/cli/policy_wait.h"

#include <unistd.h>

#include "clients/cli/sandbox.h"
#include "common/base/clean.h"
#include "common/base/clock.h"

enum {
	EXIT_WAITED = 124,
	FIRST_MS = 5,
	MOST_MS = 500,
	PENDING = OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_PENDING,
	LOADED = OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_LOADED,
	FAILED = OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_FAILED,
	SUPERSEDED = OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_SUPERSEDED,
};

const char *
policy_status_name(int status, bool small)
{
	static const struct {
		const char *capital, *small;
	} names[] = {
	    [0] = {"Unknown", "unspecified"},
	    [PENDING] = {"Pending", "pending"},
	    [LOADED] = {"Loaded", "loaded"},
	    [FAILED] = {"Failed", "failed"},
	    [SUPERSEDED] = {"Superseded", "superseded"},
	};
	size_t at = status >= 0 && status < (int)COUNT(names) ? (size_t)status : 0;

	return small ? names[at].small : names[at].capital;
}

json_t *
policy_revision_json(const Openshell__V1__SandboxPolicyRevision *revision)
{
	json_t *json = json_object();

	json_object_set_new(json, "version", json_integer(revision->version));
	json_object_set_new(json, "hash", json_text(revision->policy_hash));
	json_object_set_new(json, "status", json_string(policy_status_name((int)revision->status, true)));
	json_object_set_new(json, "created_at_ms", json_integer(revision->created_at_ms));
	json_object_set_new(json, "loaded_at_ms", json_integer(revision->loaded_at_ms));
	json_object_set_new(json, "load_error", json_text(revision->load_error));
	return json;
}

enum err
policy_fetch(
    struct cli *cli, char *name, uint32_t version, Openshell__V1__GetSandboxPolicyStatusResponse **out, struct why *why)
{
	Openshell__V1__GetSandboxPolicyStatusRequest request = OPENSHELL__V1__GET_SANDBOX_POLICY_STATUS_REQUEST__INIT;
	enum err r;

	request.name = name;
	request.has_global = request.global = name == NULL;
	request.has_version = true;
	request.version = version;
	request.workspace = cli_workspace(cli);
	if ((r = call_GetSandboxPolicyStatus(&cli->connection, &request, out, why)) != OK)
		return r;
	if ((*out)->revision != NULL)
		return OK;
	call_free(*out);
	*out = NULL;
	return fail(why, ERR_PROTOCOL, "the gateway's answer has no revision");
}

/* Ask once; ERR_MORE: not decided yet. */
static enum err
look(struct cli *cli, char *name, uint32_t version, struct why *why)
{
	Openshell__V1__GetSandboxPolicyStatusResponse *answer;
	const char *error;
	int status;
	enum err r;

	if ((r = policy_fetch(cli, name, version, &answer, why)) != OK)
		return r;
	status = (int)answer->revision->status;
	error = shown(&cli->arena, answer->revision->load_error);
	call_free(answer);
	if (status == FAILED)
		return fail(why, ERR_STATE, "policy version %u could not be loaded: %s", version, error);
	if (status == SUPERSEDED)
		cli_note(cli, "Policy version %u was superseded by a newer one", version);
	else if (status == LOADED)
		cli_note(cli, "Policy version %u loaded", version);
	else
		return ERR_MORE;
	return OK;
}

/* A gateway that went away is connected to again. */
static enum err
look_again(struct cli *cli, char *name, uint32_t version, bool *away, struct why *why)
{
	enum err r = *away ? cli_reconnect(cli, why) : OK;

	if (r == OK)
		r = look(cli, name, version, why);
	*away = r == ERR_UNAVAILABLE;
	return r;
}

/* One that is stopped loads nothing, however long is waited. */
static bool
is_stopped(struct cli *cli, char *name)
{
	Openshell__V1__SandboxResponse *answer;
	struct why unused = {0};
	int phase;

	if (sandbox_fetch(cli, name, &answer, &unused) != OK)
		return false;
	phase = sandbox_phase(answer->sandbox);
	call_free(answer);
	return phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED;
}

enum err
policy_wait(struct cli *cli, char *name, uint32_t version, struct why *why)
{
	bool away = false;
	uint64_t end_ms = clock_ms() + cli->args.values[FLAG_TIMEOUT].number * 1000, pause = FIRST_MS;
	enum err r;

	if ((r = cli_signals(cli, why)) != OK)
		return r;
	progress_start(&cli->progress, cli->loop, STDERR_FILENO,
	    arena_format(&cli->arena, "Waiting for policy version %u", version));
	while ((r = look_again(cli, name, version, &away, why)) == ERR_MORE || away) {
		if (clock_ms() >= end_ms)
			break;
		if (!away && pause == MOST_MS && is_stopped(cli, name)) {
			cli->exit_code = EXIT_WAITED;
			return fail(why, ERR_TIMEOUT,
			    "policy version %u is not loaded: sandbox %s is stopped, and loads it when it starts",
			    version, name);
		}
		if ((r = cli_pause(cli, pause, why)) != OK)
			return r;
		if (cli->signal != 0)
			return fail(why, ERR_CANCELLED, "interrupted");
		pause = pause * 2 < MOST_MS ? pause * 2 : MOST_MS;
	}
	if (r != ERR_MORE)
		return r;
	cli->exit_code = EXIT_WAITED;
	return fail(why, ERR_TIMEOUT, "policy version %u is not loaded after %llu seconds", version,
	    (unsigned long long)cli->args.values[FLAG_TIMEOUT].number);
}
