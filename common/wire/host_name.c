/* Host names: one walk over the labels. */
#include "common/wire/host_name.h"

static bool
is_label_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '_' || byte == '-';
}

bool
host_name(struct span name, char to[HOST_NAME_BYTES])
{
	size_t label = 0;

	if (name.length == 0 || name.length >= HOST_NAME_BYTES)
		return false;
	for (size_t i = 0; i < name.length; i++) {
		bool dot = name.at[i] == '.';

		if (dot ? label == 0 : !is_label_byte(name.at[i]) || label == 63)
			return false;
		label = dot ? 0 : label + 1;
	}
	if (label == 0)
		return false;
	for (size_t i = 0; i < name.length; i++)
		to[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] + ('a' - 'A')) : name.at[i];
	to[name.length] = '\0';
	return true;
}
