/* Parcels of any bytes: each that is read is written again as it was, and no relative path of it leads out. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/transfer/parcel.h"
#include "common/transfer/relative.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of_bytes(data, size);
	char again[PARCEL_MAX_BYTES];
	struct parcel parcel;
	struct why why;
	size_t used;

	while (parcel_read(rest, &parcel, &used, &why) == OK) {
		assert(
		    used <= rest.length && parcel_write(&parcel, again) == used && memcmp(again, rest.at, used) == 0);
		if (relative_check(parcel.text, &why) == OK)
			assert(
			    parcel.text.at[0] != '/' && relative_order(relative_parent(parcel.text), parcel.text) < 0);
		rest = span_tail(rest, used + (parcel.type == PARCEL_DATA ? parcel.length : 0));
	}
	return 0;
}
