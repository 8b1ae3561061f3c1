/* Fuzzes addresses, hosts and allowed_ips: what is an address is no name that looks like one; an entry lets in nothing
 * blocked. */
#include <assert.h>
#include <stdint.h>

#include "common/policy/destination.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of_bytes(data, size), rest = text, entry = span_cut(&rest, '\n');
	struct destination_rule rule = {DESTINATION_ALLOWED_IPS, &entry, 1};
	struct address address;
	struct why why;

	if (address_parse(text, &address))
		assert(!host_looks_numeric(text));
	(void)host_well_formed(text);
	(void)host_is_metadata(text);
	if (allowed_ip_check(entry, &why) != OK || !address_parse(rest, &address))
		return 0;
	if (destination_check(&rule, NULL, &address, 1, 443, &why) == OK)
		assert(!address_always_blocked(&address));
	return 0;
}
