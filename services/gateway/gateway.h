/* The gateway: the parent's whole state, from its first step to its last. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "common/os/loop.h"
#include "services/gateway/config.h"
#include "services/gateway/keys.h"
#include "services/gateway/postgres.h"
#include "services/gateway/process.h"
#include "services/gateway/services.h"

#define PROCESSES_MAX (SERVICES_N + 1)

enum gateway_phase { GATEWAY_STARTING, GATEWAY_SERVING, GATEWAY_STOPPING };

struct gateway {
	const struct config *config;
	struct loop *loop;
	struct keys keys;
	struct postgres postgres;
	char database_url[1024];
	int lock_fd, listen_fd, progress_fd; /* -1: none */
	enum gateway_phase phase;
	bool stop_sandboxes;
	int64_t started_ms;			 /* wall clock */
	struct process processes[PROCESSES_MAX]; /* in the order of their start */
	size_t processes_n, at;			 /* at: the one that is started or stopped now */
	char paths[SERVICES_N][PATH_BYTES];
	const char *argv[SERVICES_N][3];
	enum err failed; /* why the start was given up */
	struct why why;
};

/*
 * Run in the foreground until told to end.
 *
 * progress_fd  gets lines "step WORDS", "note WORDS", then "ready" or "failed WORDS"; -1: nobody listens. Taken over
 */
enum err gateway_run(const struct config *config, int progress_fd, struct why *why) must_check;

/* DATA/status.json, as it is now. Failing is logged. status.c */
void status_write(const struct gateway *gateway);

#endif
