/* Logins: read whole, checked, and wiped where they were read. */
#include "common/service/login.h"

#include <stdlib.h>
#include <string.h>

#include "common/service/settings.h"

#define WHAT "the login of the upstream proxy"

enum err
login_read(const char *path, char to[FORWARD_LOGIN_MAX], struct span *out, struct why *why)
{
	struct span login;
	size_t length;
	char *text;
	enum err r;

	if (path[0] == '\0') {
		*out = SPAN_NONE;
		return OK;
	}
	if ((r = settings_file(path, &text, &length, why)) != OK)
		return because(why, r, WHAT);
	if ((r = forward_login_parse(span_of_bytes(text, length), &login, why)) == OK) {
		memcpy(to, login.at, login.length);
		*out = span_of_bytes(to, login.length);
	}
	explicit_bzero(text, length);
	free(text);
	return r == OK ? OK : because(why, r, WHAT);
}
