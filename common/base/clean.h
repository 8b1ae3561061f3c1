/* Cleanup by scope: what is declared auto_ is released when its block ends, so no function needs goto. */
#ifndef COMMON_BASE_CLEAN_H
#define COMMON_BASE_CLEAN_H

#include <stdlib.h>
#include <unistd.h>

static inline void
clean_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void
clean_free(void *at)
{
	void **p = at;

	free(*p);
	*p = NULL;
}

/* Move a descriptor out of an auto_fd: the caller owns it from here. */
static inline int
fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define auto_fd	  __attribute__((cleanup(clean_fd)))
#define auto_free __attribute__((cleanup(clean_free)))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
