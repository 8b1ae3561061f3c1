/* A process that has started gives back what only its start needed. */
#ifndef OS_REST_H
#define OS_REST_H

#include "common/os/loop.h"

/*
 * A second from now, once: memory that is free goes back to the kernel, and pages of programs and libraries that are as
 * they are in their files are let go of; what is used again comes back from the page cache by itself (madvise(2)).
 * The timer is the caller's, and lives as long as the loop.
 */
void rest_soon(struct loop *loop, struct timer *timer);

#endif
