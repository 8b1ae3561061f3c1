/* Writes a corpus for fuzz_message into a directory: every row of bus.def, at its lower bounds and in the middle. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "tests/unit/bus/sample.h"

static void
write_seed(const char *dir, const struct msg_info *info, enum sample how)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	auto_free char *buffer = NULL;
	struct envelope envelope = {
	    .kind = how == SAMPLE_LOW ? ENVELOPE_EVENT : ENVELOPE_REQUEST, .call = how == SAMPLE_LOW ? 0 : 1};
	size_t room = 0, length;
	char path[512];
	struct why why;
	FILE *file;

	envelope.msg.id = info->id;
	sample_fill(&arena, info, (char *)&envelope.msg.hello, how);
	snprintf(path, sizeof(path), "%s/%s-%d", dir, info->name, how);
	if (envelope_encode(&envelope, &buffer, &room, &length, &why) != OK || (file = fopen(path, "wb")) == NULL ||
	    fwrite(buffer, 1, length, file) != length || fclose(file) != 0)
		abort();
}

int
main(int argc, char **argv)
{
	size_t n;
	const struct msg_info *const *table = msg_table(&n);

	if (argc != 2) {
		fprintf(stderr, "usage: fuzz-seeds DIRECTORY\n");
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		write_seed(argv[1], table[i], SAMPLE_LOW);
		write_seed(argv[1], table[i], SAMPLE_SOME);
	}
	return 0;
}
