/* Pumps: between a lane and the descriptors behind it, which are a command's pipes, its terminal, or a socket. */
#ifndef SSHD_PUMP_H
#define SSHD_PUMP_H

#include "sandbox/sshd/lane.h"

/* From a descriptor to the client. It is read only while the client takes bytes: that is the back pressure. */
struct outlet {
	struct lane *lane;
	enum lane_output output;
	int fd; /* owned; -1: ended */
	struct watch watch;
	bool last;		  /* whoever wrote has ended: no more than what is in the pipe */
	size_t left;		  /* then: bytes at most */
	void (*done)(void *self); /* called once, when it has ended */
	void *self;
};

/* Read from fd (taken over, non-blocking from here). */
enum err outlet_open(struct outlet *outlet, struct lane *lane, enum lane_output output, int fd,
    void (*done)(void *self), void *self, struct why *why) must_check;

/* The client takes bytes again. May call done. */
void outlet_room(struct outlet *outlet);

/* The writer is gone: notice an end that waits for no room. May call done. */
void outlet_exited(struct outlet *outlet);

/* It has been gone for a while, and somebody else may hold the pipe open: pass on what is in it and end. May call done.
 */
void outlet_finish(struct outlet *outlet);

/* Close without a word. One that is closed, or zeroed with fd -1, stays so. */
void outlet_close(struct outlet *outlet);

/* From the client to a descriptor. */
struct inlet {
	struct lane *lane;
	int fd; /* owned; -1: closed, what still comes is dropped */
	struct watch watch;
	bool terminal; /* its end is told as the end-of-file character: a terminal cannot be half closed */
	bool socket;   /* its end is told by shutdown(2) */
};

/* Write to fd (taken over, non-blocking from here). */
enum err inlet_open(struct inlet *inlet, struct lane *lane, int fd, struct why *why) must_check;

/* Bytes: how many were taken. When more can be, lane_offer is called. */
size_t inlet_take(struct inlet *inlet, struct span bytes);

/* No more bytes follow. */
void inlet_end(struct inlet *inlet);
void inlet_close(struct inlet *inlet);

#endif
