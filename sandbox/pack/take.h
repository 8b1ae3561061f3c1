/* Files into the sandbox. */
#ifndef PACK_TAKE_H
#define PACK_TAKE_H

/* Take what comes to a directory, or one file under a name. The exit code. */
int take_run(const char *to);

#endif
