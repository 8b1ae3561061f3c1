/* The programs of the bundle, and the environment that each of them is started with. */
#ifndef SANDBOX_SUPERVISOR_BUNDLE_H
#define SANDBOX_SUPERVISOR_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#define BUNDLE_PROGRAMS	  "/opt/openshell/bin/"
#define BUNDLE_LIBRARIES  "/opt/openshell/lib/"
#define BUNDLE_SUPERVISOR BUNDLE_PROGRAMS "supervisor"
#define BUNDLE_FENCE	  BUNDLE_PROGRAMS "fence"

/* UTC without a file: with no TZ glibc reads the image's /etc/localtime (tzset(3)). The launcher says the same. */
static const char *const bundle_environment[] = {"TZ=:", NULL};

/* What tells this bundle's programs and libraries from others that take their names: their inodes, sizes and times. */
uint64_t bundle_stamp(void);

#endif
