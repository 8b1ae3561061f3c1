/* Trust anchors: a PEM file of which only an index is kept; a certificate is read when a chain asks for it. */
#ifndef COMMON_LEG_ANCHORS_H
#define COMMON_LEG_ANCHORS_H

#include "common/base/err.h"
#include "common/leg/openssl.h"

struct anchors;

/* fd: taken over; -1: none. It is read at the first need, not here. */
struct anchors *anchors_new(int fd);
void anchors_free(struct anchors *anchors);

/* A store that finds its certificates there. Owned by the caller; the anchors must outlive it. */
X509_STORE *anchors_store(struct anchors *anchors);

#endif
