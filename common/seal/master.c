/* The master key: derivations. */
#include "common/seal/master.h"

#include <sodium.h>

static void
derive(const struct secret *master, const char *label, uint8_t *out, size_t length)
{
	crypto_generichash(out, length, (const uint8_t *)label, strlen(label), master->bytes, sizeof(master->bytes));
}

void
master_box(const struct secret *master, struct secret *box, uint8_t box_public[32])
{
	derive(master, "box key", box->bytes, sizeof(box->bytes));
	crypto_scalarmult_base(box_public, box->bytes);
}

void
master_print(const struct secret *master, uint8_t out[MASTER_PRINT_BYTES])
{
	derive(master, "fingerprint", out, MASTER_PRINT_BYTES);
}

void
master_ring_key(const struct secret *master, struct secret *out)
{
	derive(master, "storage ring", out->bytes, sizeof(out->bytes));
}
