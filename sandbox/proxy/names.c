/* Names: a table of NAMES_MAX entries, looked through as a whole (its keys are one array), and a wheel of addresses. */
#include "sandbox/proxy/names.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ADDRESS 0xc6120001u /* 198.18.0.1; the network's own and the last are left out */
#define LAST_ADDRESS  0xc613fffeu
#define IN_USE_MS     ((NAMES_TTL_S + 60) * 1000u)

struct name {
	uint32_t address; /* 0: free */
	unsigned connections;
	uint64_t given_ms;
	char *text;
};

struct names {
	uint32_t hashes[NAMES_MAX];
	struct name at[NAMES_MAX];
	uint32_t next; /* address to try first */
	size_t n;
};

struct names *
names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		abort();
	names->next = FIRST_ADDRESS;
	return names;
}

void
names_free(struct names *names)
{
	for (size_t i = 0; names != NULL && i < NAMES_MAX; i++)
		free(names->at[i].text);
	free(names);
}

static uint32_t
hash_of(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text != 0; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

static struct name *
by_text(struct names *names, const char *text)
{
	uint32_t hash = hash_of(text);

	for (size_t i = 0; i < NAMES_MAX; i++)
		if (names->hashes[i] == hash && names->at[i].address != 0 && strcmp(names->at[i].text, text) == 0)
			return &names->at[i];
	return NULL;
}

static struct name *
by_address(struct names *names, uint32_t address)
{
	for (size_t i = 0; i < NAMES_MAX; i++)
		if (names->at[i].address == address)
			return &names->at[i];
	return NULL;
}

/* A free place, or that of the name that was asked for longest ago and is not in use. */
static struct name *
place_find(struct names *names, uint64_t now_ms)
{
	struct name *oldest = NULL;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct name *name = &names->at[i];

		if (name->address == 0)
			return name;
		if (name->connections == 0 && now_ms - name->given_ms > IN_USE_MS &&
		    (oldest == NULL || name->given_ms < oldest->given_ms))
			oldest = name;
	}
	return oldest;
}

static uint32_t
address_next(struct names *names)
{
	uint32_t address;

	do {
		address = names->next;
		names->next = address == LAST_ADDRESS ? FIRST_ADDRESS : address + 1;
	} while (by_address(names, address) != NULL);
	return address;
}

static void
name_set(struct names *names, struct name *name, uint32_t address, const char *text, uint64_t now_ms)
{
	if (name->address == 0)
		names->n++;
	free(name->text);
	if ((name->text = strdup(text)) == NULL)
		abort();
	name->address = address;
	name->given_ms = now_ms;
	names->hashes[name - names->at] = hash_of(text);
}

static uint32_t
number_of(const struct address *address)
{
	const uint8_t *b = address->bytes;

	if (address->length != 4)
		return 0;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct address
address_of(uint32_t number)
{
	return (struct address){.length = 4,
	    .bytes = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

enum err
names_give(struct names *names, const char *text, uint64_t now_ms, struct address *out, bool *fresh, struct why *why)
{
	struct name *name = by_text(names, text);

	*fresh = name == NULL;
	if (name == NULL && (name = place_find(names, now_ms)) == NULL)
		return fail(why, ERR_LIMIT, "%d names are in use", NAMES_MAX);
	if (*fresh)
		name_set(names, name, address_next(names), text, now_ms);
	name->given_ms = now_ms;
	*out = address_of(name->address);
	return OK;
}

bool
names_restore(struct names *names, const struct address *address, const char *text, uint64_t now_ms)
{
	uint32_t number = number_of(address);
	struct name *name;

	if (!names_synthetic(address) || by_address(names, number) != NULL || by_text(names, text) != NULL ||
	    (name = place_find(names, now_ms)) == NULL)
		return false;
	name_set(names, name, number, text, now_ms);
	if (number >= names->next)
		names->next = number == LAST_ADDRESS ? FIRST_ADDRESS : number + 1;
	return true;
}

bool
names_synthetic(const struct address *address)
{
	uint32_t number = number_of(address);

	return number >= FIRST_ADDRESS && number <= LAST_ADDRESS;
}

struct name *
names_use(struct names *names, const struct address *address)
{
	struct name *name = names_synthetic(address) ? by_address(names, number_of(address)) : NULL;

	if (name != NULL)
		name->connections++;
	return name;
}

const char *
name_text(const struct name *name)
{
	return name->text;
}

void
names_release(struct names *names, struct name *name)
{
	(void)names;
	if (name != NULL)
		name->connections--;
}

size_t
names_count(const struct names *names)
{
	return names->n;
}
