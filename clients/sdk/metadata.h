/* metadata.json: one gateway as JSON, in and out. */
#ifndef CLIENTS_SDK_METADATA_H
#define CLIENTS_SDK_METADATA_H

#include "clients/sdk/entry.h"
#include "common/base/arena.h"

/* Read it into out (name excepted: the directory names a gateway). ERR_SYNTAX says what is missing or wrong.
 */
enum err metadata_read(struct span text, struct arena *arena, struct gateway *out, struct why *why) must_check;

/* As other OpenShell clients read it, gateway_port included; on the heap; NULL when a text is not UTF-8. */
char *metadata_write(const struct gateway *gateway);

#endif
