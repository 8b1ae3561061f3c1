/* Pins, by path. They outlive policies; they end with the process, as the sandbox's executables then are looked at anew. */
#include "sandbox/policyd/pin.h"

#include <stdlib.h>

struct pin {
	struct list link;
	uint8_t hash[HASH_BYTES];
	size_t length;
	char path[];
};

/* FNV-1a: the paths are the agent's, but a bucket never holds more than PINS_MAX. */
static struct list *
bucket_of(struct pins *pins, struct span path)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < path.length; i++)
		h = (h ^ (uint8_t)path.at[i]) * 16777619u;
	return &pins->buckets[h % PIN_BUCKETS];
}

static struct pin *
pin_new(struct span path, const uint8_t hash[HASH_BYTES])
{
	struct pin *pin = calloc(1, sizeof(*pin) + path.length);

	if (pin == NULL)
		abort();
	memcpy(pin->hash, hash, HASH_BYTES);
	pin->length = path.length;
	memcpy(pin->path, path.at, path.length);
	return pin;
}

enum err
pin_check(struct pins *pins, struct span path, const uint8_t hash[HASH_BYTES], bool unlinked, struct why *why)
{
	struct list *bucket = bucket_of(pins, path);
	struct pin *pin;

	list_each(pin, bucket, struct pin, link)
		if (span_equal(span_of_bytes(pin->path, pin->length), path))
			return memcmp(pin->hash, hash, HASH_BYTES) == 0
				   ? OK
				   : fail(why, ERR_CONFLICT,
					 "binary integrity check failed: it is not the file that was first used");
	if (unlinked)
		return fail(why, ERR_DENIED, "its executable has no name any more and was not used before");
	if (pins->n == PINS_MAX)
		return fail(why, ERR_LIMIT, "%d executables have been used: no other is taken", PINS_MAX);
	list_append(bucket, &pin_new(path, hash)->link);
	pins->n++;
	return OK;
}

void
pins_init(struct pins *pins)
{
	pins->n = 0;
	for (size_t i = 0; i < PIN_BUCKETS; i++)
		list_init(&pins->buckets[i]);
}

void
pins_done(struct pins *pins)
{
	struct pin *pin;

	for (size_t i = 0; i < PIN_BUCKETS && pins->buckets[i].next != NULL; i++)
		list_each(pin, &pins->buckets[i], struct pin, link) {
			list_remove(&pin->link);
			free(pin);
		}
	pins->n = 0;
}
