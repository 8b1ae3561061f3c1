/* words: two lists of 64; no word is longer than 9 letters, so two and a hyphen fit a name of 19. */
#include "services/api/words.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* clang-format off */
static const char how[64][10] = {
    "able",	"amber",   "agile",   "bold",	 "brave",   "breezy", "bright",	 "brisk",
    "calm",	"candid",  "cheerful", "clear",	 "clever",  "cosy",   "crisp",	 "curious",
    "dapper",	"daring",  "deft",    "eager",	 "early",   "easy",   "fair",	 "fancy",
    "fleet",	"fond",	   "frank",   "fresh",	 "gentle",  "glad",   "golden",	 "good",
    "grand",	"happy",   "hardy",   "honest",	 "jolly",   "keen",   "kind",	 "lively",
    "loyal",	"lucid",   "lucky",   "mellow",	 "merry",   "mild",   "neat",	 "nimble",
    "noble",	"patient", "placid",  "plucky",	 "polite",  "proud",  "quick",	 "quiet",
    "ready",	"serene",  "silver",  "snug",	 "steady",  "sunny",  "swift",	 "tidy",
};
/* clang-format on */

/* clang-format off */
static const char what[64][10] = {
    "acorn",	"alder",   "aspen",   "badger",	 "beacon",  "birch",  "bison",	 "breeze",
    "brook",	"canyon",  "cedar",   "cloud",	 "clover",  "comet",  "coral",	 "crane",
    "dawn",	"delta",   "dune",    "ember",	 "falcon",  "fern",   "finch",	 "fjord",
    "forest",	"garden",  "glacier", "grove",	 "harbor",  "hazel",  "heron",	 "island",
    "juniper",	"kestrel", "lagoon",  "lantern", "larch",   "lark",   "lichen",	 "linden",
    "maple",	"marsh",   "meadow",  "meteor",	 "orchard", "osprey", "otter",	 "pebble",
    "pine",	"plover",  "prairie", "quartz",	 "rabbit",  "reef",   "ridge",	 "river",
    "robin",	"saffron", "sparrow", "spruce",	 "summit",  "thistle", "valley", "willow",
};
/* clang-format on */

void
words_name(char to[WORDS_NAME_BYTES])
{
	uint8_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort();
	snprintf(to, WORDS_NAME_BYTES, "%s-%s", how[random[0] % 64], what[random[1] % 64]);
}
