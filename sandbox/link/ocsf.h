/* Events as JSON lines of OCSF, on standard error, while the setting ocsf_json_enabled is true. */
#ifndef LINK_OCSF_H
#define LINK_OCSF_H

#include "common/base/text.h"
#include "sandbox/link/link.h"

#define OCSF_LINE_BYTES 131072
#define OCSF_BYTES_MAX	(64u << 20) /* of one link: then no more is written, which is said */

/* What the settings that are in force say of it: at once. */
void ocsf_settings(struct link *link, const struct span *settings, size_t n);

/* Write those of these lines that are events, where it is on. */
void ocsf_take(struct link *link, const struct msg_log_line *lines, size_t n);

/* One event as one JSON object, without a line end. Pure; to is cut where it has no room. */
void ocsf_write(const struct msg_log_line *line, struct id sandbox, struct text *to);

#endif
