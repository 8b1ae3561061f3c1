/* Execs: commands that run in a sandbox for a caller; their streams are passages. */
#ifndef RELAY_EXEC_H
#define RELAY_EXEC_H

#include "common/bus/peer.h"

handler exec_start, exec_exited, exec_signal;

#endif
