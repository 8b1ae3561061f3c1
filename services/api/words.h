/* words: names for sandboxes whose makers gave none. */
#ifndef API_WORDS_H
#define API_WORDS_H

#define WORDS_NAME_BYTES 20 /* 19 and a NUL */

/* Two friendly lower-case words and a hyphen, at random: one of 4096. */
void words_name(char to[WORDS_NAME_BYTES]);

#endif
