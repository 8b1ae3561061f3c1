/*
 * newer: requests of the interface's generation 0.1, whose fields differ, said as our .proto files have them. Pure.
 *
 * The generations have names and most numbers in common. From 0.1 on a workspace is a WorkspaceSelector (1 workspace,
 * 2 all_workspaces) where a text was, an exec names its sandbox by name and its timeout by a Duration, and pages go by
 * token. GetSandboxConfig names its sandbox too, which logs.c tells from an id. A selector cannot be mistaken for a
 * workspace's name: it begins with a byte that no name may hold.
 */
#ifndef API_NEWER_H
#define API_NEWER_H

#include "common/rpc/server.h"

/*
 * A message's bytes as the older generation would have sent them; as they are where there is nothing to change, or
 * where they are malformed: whoever reads them says so.
 *
 * errors  ERR_INVALID all workspaces where one is meant, or a page token that is not ours; ERR_UNIMPLEMENTED a field
 *         whose wish we cannot keep
 */
enum err newer_request(const struct rpc_method *method, struct span bytes, struct arena *arena, struct span *out,
    struct why *why) must_check;

#endif
