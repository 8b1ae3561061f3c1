/*
 * pack: files out of a sandbox or into it, as its agent: one end of a transfer, whose other end is a client, over
 * standard input and output.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox/pack/give.h"
#include "sandbox/pack/take.h"

#define USAGE 2

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* a client that is gone is an error to be handled */
	umask(022);
	if (argc == 3 && strcmp(argv[1], "take") == 0)
		return take_run(argv[2]);
	if (argc == 3 && strcmp(argv[1], "give") == 0)
		return give_run(argv[2]);
	fputs("usage: pack take DIRECTORY-OR-NAME | pack give PATH\n"
	      "One end of `openshell sandbox upload` or `download`: it speaks with the client, not with people.\n",
	    stderr);
	return USAGE;
}
