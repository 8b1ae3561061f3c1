/* The stage of credentials: the daemon with key files of its own, and state played by the test. */
#ifndef TESTS_BUS_CREDENTIALS_STAGE_H
#define TESTS_BUS_CREDENTIALS_STAGE_H

#include "services/credentials/keys.h"
#include "tests/bus/script.h"

struct stage {
	const char *program;
	char directory[64];
	struct loop *loop;
	struct daemon daemon;
	struct actor state;
	struct keys keys;	    /* what the daemon's must be */
	uint8_t driver_key[32];	    /* setting of the daemon */
	struct msg_key_use used[4]; /* what keys_have is answered with */
	size_t used_n;
	struct span print; /* fingerprint in that answer */
	int keys_asked;
	int keys_refused;	  /* so many times more: state has no database */
	const char *more;	  /* further settings, YAML lines */
	struct msg_keys_have had; /* the last keys_have: counts and name only */
	uint8_t newest[8];
	bool words_whole;
	size_t words_n;
	int words_fd;
	struct watch words_watch;
};

extern struct stage stage;

/* A file in the stage's directory. */
void stage_file(const char *name, const void *bytes, size_t length, mode_t mode);
void stage_ring_save(void);

/* Length of the ledger of refreshes, which is there. */
size_t stage_ledger_bytes(void);

/* Start the daemon, answer its keys_have, and wait for its words: stage.daemon.words. */
void stage_start(void);

/* The same, and it has to be ready. */
void stage_start_well(void);
void stage_stop(void);

/* It ends by itself: with failure. */
void stage_wait_failed(void);

/* Answer keys_have where it was asked; true when it was. */
bool stage_keys_answered(void);

/* For cmocka: keys, files, a ready daemon; and its orderly end. */
int stage_setup(void **unused);
int stage_teardown(void **unused);

#endif
