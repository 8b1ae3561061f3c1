/* Destination rules: the form of host names, and what may be dialled in which mode. */
#include "common/policy/destination.h"

#include <strings.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define LABEL_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define LABEL_MAX   63
#define HOST_MAX    253

static const char *const gateway_names[] = {
    "host.openshell.internal",
    "host.containers.internal",
    "host.docker.internal",
};

static const char *const metadata_names[] = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
};

static const uint16_t control_ports[] = {2379, 2380, 6443, 10250, 10255};

static bool
host_among(struct span host, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (host.length == strlen(names[i]) && strncasecmp(host.at, names[i], host.length) == 0)
			return true;
	return false;
}

bool
destination_names_gateway(struct span host)
{
	return host_among(host, gateway_names, COUNT(gateway_names));
}

bool
host_is_metadata(struct span host)
{
	return host_among(host, metadata_names, COUNT(metadata_names));
}

bool
host_well_formed(struct span host)
{
	size_t label = 0;

	if (host.length == 0 || host.length > HOST_MAX)
		return false;
	for (size_t i = 0; i < host.length; i++) {
		if (host.at[i] == '.' && label == 0)
			return false;
		label = host.at[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (label > 0 && (host.at[i] == '\0' || strchr(LABEL_BYTES, host.at[i]) == NULL)))
			return false;
	}
	return label > 0;
}

/* Resolvers take a text for a number by its last part: digits, or 0x and hex digits (inet_aton, WHATWG URL 3.5). */
bool
host_looks_numeric(struct span host)
{
	struct span rest = host, last = host;
	struct address address;

	if (address_parse(host, &address))
		return false;
	if (host.length > 0 && host.at[host.length - 1] == '.')
		rest = span_head(host, host.length - 1);
	while (rest.length > 0)
		last = span_cut(&rest, '.');
	if (last.length >= 2 && last.at[0] == '0' && (last.at[1] == 'x' || last.at[1] == 'X'))
		return span_only(span_tail(last, 2), "0123456789abcdefABCDEF");
	return last.length > 0 && span_only(last, "0123456789");
}

enum err
allowed_ip_check(struct span entry, struct why *why)
{
	struct range range;

	if (!range_parse(entry, &range))
		return fail(why, ERR_INVALID, "neither an address nor a CIDR");
	if (range_always_blocked(&range))
		return fail(why, ERR_INVALID, "touches addresses that are always blocked");
	return OK;
}

static bool
port_is_control(uint16_t port)
{
	for (size_t i = 0; i < COUNT(control_ports); i++)
		if (control_ports[i] == port)
			return true;
	return false;
}

/* What is asked of each address, and what is said when one fails. */

static bool
never(const struct destination_rule *rule, const struct address *gateway, const struct address *address)
{
	(void)rule, (void)gateway, (void)address;
	return false;
}

static bool
is_gateway(const struct destination_rule *rule, const struct address *gateway, const struct address *address)
{
	static const uint8_t link_local[2] = {169, 254}, metadata[4] = {169, 254, 169, 254};

	(void)rule;
	return gateway != NULL && gateway->length == 4 && address->length == 4 &&
	       memcmp(gateway->bytes, address->bytes, 4) == 0 && memcmp(address->bytes, link_local, 2) == 0 &&
	       memcmp(address->bytes, metadata, 4) != 0;
}

static bool
is_allowed_ip(const struct destination_rule *rule, const struct address *gateway, const struct address *address)
{
	struct range range;

	(void)gateway;
	if (address_always_blocked(address))
		return false;
	for (size_t i = 0; i < rule->allowed_ips_n; i++)
		if (range_parse(rule->allowed_ips[i], &range) && range_has(&range, address))
			return true;
	return false;
}

static bool
is_not_blocked(const struct destination_rule *rule, const struct address *gateway, const struct address *address)
{
	(void)rule, (void)gateway;
	return !address_always_blocked(address);
}

static bool
is_public(const struct destination_rule *rule, const struct address *gateway, const struct address *address)
{
	(void)rule, (void)gateway;
	return !address_internal(address);
}

static const struct {
	bool (*may)(const struct destination_rule *rule, const struct address *gateway, const struct address *address);
	const char *detail;
} modes[] = {
    [DESTINATION_NONE] = {never, "not permitted"},
    [DESTINATION_HOST_GATEWAY] = {is_gateway, "trusted-gateway check failed"},
    [DESTINATION_ALLOWED_IPS] = {is_allowed_ip, "allowed_ips check failed"},
    [DESTINATION_LITERAL] = {is_not_blocked, "allowed_ips check failed"},
    [DESTINATION_DECLARED] = {is_not_blocked, "declared endpoint check failed"},
    [DESTINATION_PUBLIC] = {is_public, "internal address"},
};

enum err
destination_check(const struct destination_rule *rule, const struct address *gateway, const struct address *addresses,
    size_t addresses_n, uint16_t port, struct why *why)
{
	unsigned mode = (unsigned)rule->mode < COUNT(modes) ? rule->mode : DESTINATION_NONE;

	for (size_t i = 0; mode == DESTINATION_ALLOWED_IPS && i < rule->allowed_ips_n; i++)
		if (allowed_ip_check(rule->allowed_ips[i], NULL) != OK)
			return fail(why, ERR_INVALID, "invalid allowed_ips in policy");
	if (port_is_control(port) || addresses_n == 0)
		return fail(why, ERR_DENIED, "%s", modes[mode].detail);
	for (size_t i = 0; i < addresses_n; i++)
		if (!modes[mode].may(rule, gateway, &addresses[i]))
			return fail(why, ERR_DENIED, "%s", modes[mode].detail);
	return OK;
}
