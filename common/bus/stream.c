/* stream: being written. */
#include "common/bus/message.h"
