/* The texts of /proc on any bytes: what is read of stat stands behind the last parenthesis, whatever the name is. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/policyd/proc_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of_bytes(data, size);
	struct proc_fdinfo info;
	struct proc_stat stat;
	struct why why = {0};
	uint32_t last;

	if (proc_stat_parse(text, &stat, &why) == OK)
		assert(stat.state != ' ' && memchr(data, stat.state, size) != NULL);
	if (proc_fdinfo_parse(text, &info, &why) == OK)
		assert(size >= sizeof("mnt_id:0\nino:0") - 1);
	if (proc_inner_pid_parse(text, &last, &why) == OK)
		assert(last != 0);
	return 0;
}
