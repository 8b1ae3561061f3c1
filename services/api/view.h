/* view: rows and lines of the bus as the public interface shows them. All in the arena, whose ceiling is ERR_LIMIT. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include "common/bus/message.h"
#include "openshell/openshell.pb-c.h"

enum err view_sandbox(
    struct arena *arena, const struct msg_sandbox_row *row, Openshell__V1__Sandbox **out, struct why *why) must_check;

enum err view_log_line(struct arena *arena, const char *sandbox, const struct msg_log_line *line,
    Openshell__V1__SandboxLogLine **out, struct why *why) must_check;

enum err view_config(struct arena *arena, const struct msg_config *config,
    Openshell__Sandbox__V1__GetSandboxConfigResponse **out, struct why *why) must_check;

enum err view_gateway_config(struct arena *arena, const struct msg_config *config,
    Openshell__Sandbox__V1__GetGatewayConfigResponse **out, struct why *why) must_check;

enum err view_revision(struct arena *arena, const struct msg_policy_revision *revision,
    Openshell__V1__SandboxPolicyRevision **out, struct why *why) must_check;

/* 64 hex digits; NULL past the ceiling. */
char *view_hash(struct arena *arena, struct span hash);

/*
 * What has happened when a row's phase or Ready condition is new, with the hints that progress displays read.
 *
 * out     untouched where there is nothing to tell
 */
enum err view_event(struct arena *arena, const struct msg_sandbox_row *row, Openshell__V1__PlatformEvent **out,
    struct why *why) must_check;

/* The row's condition of that type; NULL when there is none. */
const struct msg_condition *view_condition(const struct msg_sandbox_row *row, const char *type);

#endif
