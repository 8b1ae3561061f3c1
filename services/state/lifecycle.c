/* The life cycle as a table, read from top to bottom: the first row that fits counts. */
#include "services/state/lifecycle.h"

#include "common/base/clean.h"

#define IN(phase) (1u << PHASE_##phase)
#define COMING	  (IN(PROVISIONING) | IN(UNKNOWN) | IN(STARTING))
#define ALIVE	  (COMING | IN(READY))
#define ANY	  ((1u << PHASE_COUNT) - 2)

#define READY	     PHASE_READY
#define ERROR	     PHASE_ERROR
#define SAME	     PHASE_NONE
#define PROVISIONING PHASE_PROVISIONING

/* clang-format off */
const struct step lifecycle[] = {
	/* in phases, event, to, effects, Ready, reason, message */
	{COMING, EVENT_BEGUN, SAME, EFFECT_SAID, "False", "Starting", "the sandbox is being started"},
	{COMING, EVENT_RUNNING, SAME, 0, "False", "SupervisorNotConnected", "its supervisor has not connected yet"},
	{COMING, EVENT_SESSION_UP, SAME, 0, "False", "Starting", "its supervisor is connected and builds the walls"},
	{COMING, EVENT_SESSION_BACK, READY, 0, "True", "DependenciesReady", "its supervisor is connected"},
	{ALIVE, EVENT_READY, READY, EFFECT_READIED, "True", "DependenciesReady", "its supervisor is connected"},
	{ALIVE, EVENT_UNABLE, ERROR, EFFECT_SAID, "False", "StartFailed", "the sandbox could not be started"},
	{ALIVE, EVENT_FAILED, ERROR, EFFECT_SAID, "False", "StartFailed", "the driver could not start it"},
	{ALIVE, EVENT_EXITED, ERROR, EFFECT_EXIT | EFFECT_SAID, "False", "MainProcessExited", "the main process ended"},

	{IN(READY), EVENT_SESSION_DOWN, PROVISIONING, 0, "False", "DependenciesNotReady",
	    "the connection to its supervisor is gone"},
	{IN(READY), EVENT_SESSION_LOST, PROVISIONING, 0, "False", "SupervisorNotConnected",
	    "the gateway started anew and waits for its supervisor"},
	{COMING, EVENT_SESSION_DOWN, SAME, 0, "False", "DependenciesNotReady",
	    "the connection to its supervisor is gone"},
	{COMING, EVENT_SESSION_LOST, SAME, 0, "False", "SupervisorNotConnected",
	    "the gateway started anew and waits for its supervisor"},

	{ALIVE, EVENT_ENDED, PROVISIONING, EFFECT_AGAIN, "False", "Starting",
	    "the instance died and is started again with the same workspace"},
	{ALIVE, EVENT_GONE, PROVISIONING, EFFECT_AGAIN, "False", "Starting",
	    "the instance vanished and is started again with the same workspace"},
	{ALIVE, EVENT_ENDED_OFTEN, ERROR, EFFECT_SAID, "False", "InstanceRestartLimit",
	    "the instance died more than 5 times within 60 seconds"},
	{ALIVE, EVENT_GONE_OFTEN, ERROR, 0, "False", "InstanceRestartLimit",
	    "the instance vanished more than 5 times within 60 seconds"},

	{IN(READY), EVENT_STOP, PHASE_STOPPING, 0, "False", "Stopping", "the sandbox is being stopped"},
	{IN(STOPPING) | IN(STOPPED), EVENT_STOP, SAME, 0, NULL, NULL, NULL},
	{ANY, EVENT_STOP, SAME, EFFECT_REFUSE, NULL, NULL, "only a sandbox that is ready can be stopped"},
	{IN(STOPPING), EVENT_ENDED, PHASE_STOPPED, 0, "False", "Stopped", "the sandbox is stopped"},
	{IN(STOPPING), EVENT_GONE, PHASE_STOPPED, 0, "False", "Stopped", "the sandbox is stopped"},
	{IN(STOPPING), EVENT_FAILED, ERROR, EFFECT_SAID, "False", "StopFailed", "the driver could not stop it"},

	{IN(STOPPED), EVENT_START, PHASE_STARTING, EFFECT_AFRESH, "False", "Starting", "the sandbox is being started"},
	{ALIVE, EVENT_START, SAME, 0, NULL, NULL, NULL},
	{ANY, EVENT_START, SAME, EFFECT_REFUSE, NULL, NULL, "only a sandbox that is stopped can be started"},

	{IN(DELETING), EVENT_DELETE, SAME, EFFECT_NUDGE, NULL, NULL, NULL},
	{ANY, EVENT_DELETE, PHASE_DELETING, 0, "False", "Deleting", "the sandbox is being deleted"},
	{IN(DELETING), EVENT_FAILED, SAME, EFFECT_SAID, "False", "DeleteFailed", "the driver could not remove it"},
	{IN(DELETING), EVENT_GONE, SAME, EFFECT_REMOVE, NULL, NULL, NULL},
};
/* clang-format on */
const size_t lifecycle_n = COUNT(lifecycle);

const struct step *
lifecycle_step(enum phase phase, enum event event)
{
	for (size_t i = 0; i < lifecycle_n; i++)
		if (lifecycle[i].event == event && (lifecycle[i].phases & 1u << phase) != 0)
			return &lifecycle[i];
	return NULL;
}

enum want
lifecycle_want(enum phase phase)
{
	if (phase == PHASE_DELETING)
		return WANT_DELETED;
	if (phase == PHASE_ERROR || phase == PHASE_STOPPING || phase == PHASE_STOPPED)
		return WANT_STOPPED;
	return WANT_RUNNING;
}

const char *
phase_name(enum phase phase)
{
	static const char *const names[PHASE_COUNT] = {
	    "unspecified",
	    "provisioning",
	    "ready",
	    "error",
	    "deleting",
	    "unknown",
	    "stopping",
	    "stopped",
	    "starting",
	};

	return phase < PHASE_COUNT ? names[phase] : "unspecified";
}
