/* Files out of the sandbox. */
#ifndef PACK_GIVE_H
#define PACK_GIVE_H

/* Send a file, or what is in a directory. It must lie in the workspace, which is the working directory. The exit code. */
int give_run(const char *path);

#endif
