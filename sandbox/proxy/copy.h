/* Copies of messages that outlive the call they came or go with. */
#ifndef SANDBOX_PROXY_COPY_H
#define SANDBOX_PROXY_COPY_H

#include "common/bus/message.h"

/* ERR_LIMIT past the arena's ceiling; out is not to be used then. */
enum err copy_connection_judged(struct arena *arena, const struct msg_connection_judged *from,
    struct msg_connection_judged *out, struct why *why) must_check;
enum err copy_question(struct arena *arena, const struct msg_question *from, struct msg_question *out) must_check;

#endif
