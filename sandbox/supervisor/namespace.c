/* Root in a user namespace: what the driver's box gives, or what a process without it makes for itself. */
#include "sandbox/supervisor/supervisor.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/os/ids.h"

static bool
may_build(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & 1u << CAP_SYS_ADMIN) != 0;
}

enum err
namespace_root(struct why *why)
{
	enum err r;

	if (may_build())
		return OK;
	if ((r = ids_enter(0, 0, 0, why)) != OK)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	return OK;
}
