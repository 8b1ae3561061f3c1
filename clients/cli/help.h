/* Help text, made of the tables. */
#ifndef CLIENTS_CLI_HELP_H
#define CLIENTS_CLI_HELP_H

#include <stdio.h>

#include "clients/cli/parse.h"
#include "common/base/text.h"

/* Write the help of the command that args has reached. */
void help_print(FILE *to, const struct args *args, bool bold);

#endif
