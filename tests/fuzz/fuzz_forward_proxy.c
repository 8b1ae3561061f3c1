/* Fuzzes the settings of a company's proxy: lines of an address, a login, a list of exceptions, a host and its address. */
#include <assert.h>
#include <stdint.h>

#include "common/policy/forward_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of_bytes(data, size), url = span_cut(&rest, '\n'), login = span_cut(&rest, '\n'),
		    list = span_cut(&rest, '\n'), host = span_cut(&rest, '\n');
	struct address addresses[2] = {0};
	struct forward_proxy proxy;
	struct why why;
	size_t n = address_parse(rest, &addresses[0]) ? 2 : 0;

	addresses[1] = addresses[0];
	if (forward_proxy_parse(url, &proxy, &why) == OK)
		assert(proxy.port != 0 && proxy.host[0] != '\0');
	if (forward_login_parse(login, &login, &why) == OK)
		assert(login.length >= 3 && login.length <= FORWARD_LOGIN_MAX);
	if (forward_exceptions_check(list, &why) == OK && forward_direct(list, host, 443, addresses, &n))
		assert(n == 0 || n == 2); /* both are the same */
	return 0;
}
