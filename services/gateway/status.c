/* Status: the file that a gateway writes at each change, and its readers. */
#include "services/gateway/status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/os/file.h"
#include "common/wire/yaml.h"
#include "services/gateway/file.h"
#include "services/gateway/gateway.h"
#include "services/gateway/lock.h"

#define STATUS_BYTES 8192
#define STOP_WAIT_MS 75000

static void
add_time(struct text *text, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char words[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(words, sizeof(words), "%Y-%m-%dT%H:%M:%SZ", &tm);
	text_add(text, "\"%s\"", words);
}

/* The last words of one that is started again and again; quotes and the like would have to be escaped in JSON. */
static void
add_why(struct text *text, const struct process *process)
{
	char words[PROCESS_WORDS_BYTES];

	if (process->state != PROCESS_WAITING || strncmp(process->said, "failed: ", 8) != 0)
		return;
	snprintf(words, sizeof(words), "%s", process->said + 8);
	for (char *at = words; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~' || *at == '"' || *at == '\\')
			*at = '\'';
	text_add(text, ", \"why\": \"%s\"", words);
}

static void
add_process(struct text *text, const struct process *process)
{
	bool runs =
	    process->state == PROCESS_STARTING || process->state == PROCESS_UP || process->state == PROCESS_STOPPING;

	text_add(text,
	    "    {\"name\": \"%s\", \"pid\": %d, \"state\": \"%s\", \"restarts\": %u, \"since\": ", process->name,
	    runs ? (int)process->child.pid : 0, process_state_name(process->state), process->restarts);
	add_time(text, process->since_ms);
	add_why(text, process);
	text_add(text, "}");
}

void
status_write(const struct gateway *gateway)
{
	static const char *const phases[] = {"starting", "running", "stopping"};
	char bytes[STATUS_BYTES], endpoint[96];
	struct text text = TEXT_OF(bytes);
	struct why why;
	enum err r;

	config_endpoint(gateway->config, endpoint, sizeof(endpoint));
	text_add(&text, "{\n  \"state\": \"%s\",\n  \"pid\": %d,\n  \"version\": \"" OPENSHELL_VERSION "\",\n",
	    phases[gateway->phase], (int)getpid());
	text_add(&text, "  \"endpoint\": \"%s\",\n  \"started\": ", endpoint);
	add_time(&text, gateway->started_ms);
	text_add(&text, ",\n  \"processes\": [\n");
	for (size_t i = 0; i < gateway->processes_n; i++) {
		add_process(&text, &gateway->processes[i]);
		text_add(&text, i + 1 < gateway->processes_n ? ",\n" : "\n");
	}
	text_add(&text, "  ]\n}\n");
	if ((r = file_replace(data_path(gateway->config, "status.json"), 0600, text_span(&text), false, &why)) != OK)
		log_failure("status.write", r, &why);
}

static const char *
value(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node == NULL || node->kind != YAML_SCALAR ? "-" : node->text.at;
}

static void
table_print(const struct yaml_node *root, const struct config *config)
{
	const struct yaml_node *list = yaml_get(root, "processes");

	printf(
	    "The gateway is %s.\n\n  Endpoint  %s\n  Pid       %s\n  Version   %s\n  Started   %s\n  Data      %s\n\n",
	    value(root, "state"), value(root, "endpoint"), value(root, "pid"), value(root, "version"),
	    value(root, "started"), config->data_dir);
	printf("  %-14s %-9s %-9s %-9s %s\n", "PROCESS", "PID", "STATE", "RESTARTS", "SINCE");
	if (list == NULL || list->kind != YAML_LIST)
		return;
	for (const struct yaml_node *item = list->first; item != NULL; item = item->next)
		printf("  %-14s %-9s %-9s %-9s %s\n", value(item, "name"), value(item, "pid"), value(item, "state"),
		    value(item, "restarts"), value(item, "since"));
	for (const struct yaml_node *item = list->first; item != NULL; item = item->next)
		if (yaml_get(item, "why") != NULL)
			printf("\n%s does not start: %s\n", value(item, "name"), value(item, "why"));
}

enum err
status_print(const struct config *config, bool json, bool *running, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct yaml_node *root;
	char text[STATUS_BYTES];
	size_t length;
	pid_t pid;
	enum err r;

	*running = false;
	if ((r = lock_holder(config, &pid, why)) != OK)
		return r;
	if (pid == 0) {
		if (json)
			printf("{\n  \"state\": \"stopped\"\n}\n");
		else
			printf("No gateway is running with the data directory %s.\n", config->data_dir);
		return OK;
	}
	*running = true;
	r = file_read(data_path(config, "status.json"), text, sizeof(text), &length, why);
	if (r == ERR_NOT_FOUND) { /* it holds the lock, but has no process yet or no more */
		printf(
		    json ? "{\n  \"state\": \"starting\",\n  \"pid\": %d\n}\n" : "The gateway is starting (pid %d).\n",
		    (int)pid);
		return OK;
	}
	if (r == OK && json) {
		printf("%s", text);
		return OK;
	}
	if (r == OK && (r = yaml_parse(span_of_bytes(text, length), NULL, &arena, &root, why)) == OK)
		table_print(root, config);
	return r;
}

/* On a terminal, so that a long wait is seen to be one. */
static void
wait_shown(int second)
{
	if (isatty(STDERR_FILENO) && second > 0)
		fprintf(stderr, "\r\033[Kstopping (%d s)", second);
}

static enum err
wait_gone(int pidfd, pid_t pid, struct why *why)
{
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};

	for (int second = 0; second < STOP_WAIT_MS / 1000; second++) {
		wait_shown(second);
		if (poll(&gone, 1, 1000) > 0) {
			if (isatty(STDERR_FILENO) && second > 0)
				fprintf(stderr, "\r\033[K");
			return OK;
		}
	}
	return fail(
	    why, ERR_TIMEOUT, "the gateway (pid %d) did not end within %d seconds", (int)pid, STOP_WAIT_MS / 1000);
}

enum err
status_stop(const struct config *config, bool sandboxes, struct why *why)
{
	auto_fd int pidfd = -1;
	pid_t pid;
	enum err r;

	if ((r = lock_holder(config, &pid, why)) != OK)
		return r;
	if (pid == 0) {
		printf("No gateway is running with the data directory %s.\n", config->data_dir);
		return OK;
	}
	if ((r = lock_signal(config, sandboxes ? SIGUSR1 : SIGTERM, &pidfd, why)) != OK ||
	    (pidfd >= 0 && (r = wait_gone(pidfd, pid, why)) != OK))
		return r;
	printf("The gateway has stopped.%s\n",
	    sandboxes ? "" : " Sandboxes that were running go on and reconnect at the next start.");
	return OK;
}
