/* Host names as DNS questions and TLS hellos carry them, brought into the one form that policies know (S3). */
#ifndef COMMON_WIRE_HOST_NAME_H
#define COMMON_WIRE_HOST_NAME_H

#include <stdbool.h>

#include "common/base/span.h"

#define HOST_NAME_BYTES 254 /* 253 and a NUL */

/*
 * A lower-case copy of a name.
 *
 * returns false, and to untouched: not 1 to 253 bytes of labels [A-Za-z0-9_-]{1,63} joined by single dots
 */
bool host_name(struct span name, char to[HOST_NAME_BYTES]);

#endif
