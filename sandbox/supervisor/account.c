/* The account files as a table. */
#include "sandbox/supervisor/account.h"

#include "common/base/clean.h"
#include "common/base/text.h"

/* clang-format off */
const struct account_file account_files[] = {
	{"/etc/passwd",	  "root:x:0:0:root:/root:/usr/sbin/nologin\n"
			  "sandbox:x:%U:%G:sandbox:/sandbox:/bin/bash\n"
			  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"/etc/group",	  "root:x:0:\nsandbox:x:%G:\nnogroup:x:65534:\n"},
	{"/etc/hosts",	  "127.0.0.1 localhost %N\n::1 localhost ip6-localhost ip6-loopback\n"},
	{"/etc/hostname", "%N\n"},
	/* the proxy answers there, or nobody; a question in its hands dies with it: ask again soon */
	{"/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:4\n"},
	{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
};
/* clang-format on */
const size_t account_files_n = COUNT(account_files);

void
account_write(const struct account_file *file, const struct msg_spawner_setup *setup, char to[ACCOUNT_BYTES])
{
	struct text text = {to, 0, ACCOUNT_BYTES, false};

	to[0] = '\0';
	for (const char *p = file->pattern; *p != '\0'; p++) {
		if (*p != '%')
			text_add(&text, "%c", *p);
		else if (*++p == 'N')
			text_add_span(&text, setup->name);
		else
			text_add(&text, "%u", *p == 'U' ? setup->uid : setup->gid);
	}
}
