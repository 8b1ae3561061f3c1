/* Status: what the commands status and stop say of a running gateway. */
#ifndef GATEWAY_STATUS_H
#define GATEWAY_STATUS_H

#include "services/gateway/config.h"

/* Print it as a table or JSON. *running says whether there was one. */
enum err status_print(const struct config *config, bool json, bool *running, struct why *why) must_check;

/* End it, and with sandboxes all sandboxes too, and wait until it is gone. */
enum err status_stop(const struct config *config, bool sandboxes, struct why *why) must_check;

#endif
