/* logs: the filters of log lines, shared by GetSandboxLogs and WatchSandbox. */
#ifndef API_LOGS_H
#define API_LOGS_H

#include "common/bus/message.h"

/*
 * The filters of a logs_get from a request's fields; borrowed from them, lists in the arena. The newest-so-many and
 * the sandbox are left to the caller.
 */
enum err logs_question(struct arena *arena, const char *level, int64_t since_ms, char *const *sources, size_t sources_n,
    struct msg_logs_get *out, struct why *why) must_check;

#endif
