/* Enums by their descriptors: the words are those of the .proto, without what they all begin with. */
#include "common/provider/names.h"

#include <string.h>

#include "common/provider/messages.h"

/* Words are kept as they are written: one table for each enum, in the order of its numbers. */
static const char *const categories[] = {
    "", "other", "inference", "agent", "source_control", "messaging", "data", "knowledge"};
static const char *const strategies[] = {"", "static", "external", "oauth2_refresh_token", "oauth2_client_credentials",
    "google_service_account_jwt", "aws_sts_assume_role"};

static const char *
name_of(const char *const *words, size_t n, int number)
{
	return number < 0 || (size_t)number >= n ? "" : words[number];
}

static bool
same(struct span word, const char *name)
{
	if (word.length != strlen(name))
		return false;
	for (size_t i = 0; i < word.length; i++) {
		char c = word.at[i];

		c = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (c != name[i])
			return false;
	}
	return true;
}

static bool
number_of(const char *const *words, size_t n, struct span word, int *out)
{
	for (size_t i = 1; i < n; i++)
		if (same(word, words[i])) {
			*out = (int)i;
			return true;
		}
	return false;
}

const char *
provider_category_name(int category)
{
	return name_of(categories, sizeof(categories) / sizeof(*categories), category);
}

const char *
provider_strategy_name(int strategy)
{
	return name_of(strategies, sizeof(strategies) / sizeof(*strategies), strategy);
}

bool
provider_category(struct span word, int *out)
{
	return number_of(categories, sizeof(categories) / sizeof(*categories), word, out);
}

bool
provider_strategy(struct span word, int *out)
{
	return number_of(strategies, sizeof(strategies) / sizeof(*strategies), word, out);
}

bool
provider_strategy_mints(int strategy)
{
	return strategy >= (int)STRATEGY(OAUTH2_REFRESH_TOKEN) && strategy <= (int)STRATEGY(AWS_STS_ASSUME_ROLE);
}
