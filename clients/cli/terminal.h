/* The user's terminal: raw while a remote one stands in for it, and given back as it was however this program ends. */
#ifndef CLIENTS_CLI_TERMINAL_H
#define CLIENTS_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct terminal_size {
	uint16_t columns, rows;
};

/*
 * Make standard input raw: each key goes where it is read, Ctrl-C and Ctrl-Z too. It is given back by terminal_restore,
 * at exit, and when a signal that ends a process comes (all but SIGKILL).
 *
 * errors  ERR_STATE standard input is no terminal; ERR_SYSTEM
 */
enum err terminal_raw(struct why *why) must_check;

/* As it was before terminal_raw; without it nothing happens. */
void terminal_restore(void);

/* Of the first of standard input, output and error that is a terminal and knows it; false: none is. */
bool terminal_size(struct terminal_size *out);

#endif
