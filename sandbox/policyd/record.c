/* Records by the inode of the socket, in a table of fixed size; the oldest goes when it is full, and is counted. */
#include "sandbox/policyd/record.h"

#include <stdlib.h>

static struct list *
bucket_of(const struct records *records, uint64_t inode)
{
	return (struct list *)&records->buckets[inode % RECORDS_BUCKETS];
}

static void
record_free(struct records *records, struct record *record)
{
	list_remove(&record->bucket);
	list_remove(&record->age);
	identity_unref(records->identities, record->identity);
	free(record);
	records->n--;
}

static struct record *
find(const struct records *records, uint64_t inode)
{
	struct record *record;

	list_each(record, bucket_of(records, inode), struct record, bucket)
		if (record->inode == inode)
			return record;
	return NULL;
}

struct record *
record_find(const struct records *records, uint64_t inode)
{
	struct record *record = find(records, inode);

	if (record != NULL)
		record->asked = true;
	return record;
}

void
record_drop(struct records *records, uint64_t inode)
{
	struct record *record = find(records, inode);

	if (record != NULL)
		record_free(records, record);
}

void
record_put(struct records *records, uint64_t inode, struct identity *identity, pid_t pid)
{
	struct record *record;

	record_drop(records, inode);
	if (records->n == RECORDS_MAX) {
		struct record *oldest = list_item(records->age.next, struct record, age);

		records->dropped += !oldest->asked;
		record_free(records, oldest);
	}
	if ((record = calloc(1, sizeof(*record))) == NULL)
		abort();
	record->inode = inode;
	record->pid = pid;
	record->identity = identity_ref(identity);
	list_append(bucket_of(records, inode), &record->bucket);
	list_append(&records->age, &record->age);
	records->n++;
}

void
records_init(struct records *records, struct identities *identities)
{
	records->identities = identities;
	records->n = 0;
	records->dropped = 0;
	list_init(&records->age);
	for (size_t i = 0; i < RECORDS_BUCKETS; i++)
		list_init(&records->buckets[i]);
}

void
records_done(struct records *records)
{
	struct record *record;

	if (records->age.next == NULL)
		return;
	list_each(record, &records->age, struct record, age)
		record_free(records, record);
}
