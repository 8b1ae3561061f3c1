/* settings: the keys that there are, and their values in the forms of the bus and of the public interface. Pure. */
#ifndef API_SETTINGS_H
#define API_SETTINGS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

#define SETTING_POLICY "policy" /* no setting: its removal ends the gateway's own policy */

/* A key (policy-and-proxy 12.4). */
struct setting_key {
	const char *key;
	bool flag;		    /* a bool; otherwise one of these words */
	const char *const *choices; /* ends with NULL */
};

/* Ends with {NULL}. */
extern const struct setting_key setting_keys[];

/* ERR_INVALID a key that there is not, with those that there are. */
enum err setting_key_find(struct span key, const struct setting_key **out, struct why *why) must_check;

/* A caller's value as the bus carries it; ERR_INVALID another kind or another word than the key allows. */
enum err setting_value_read(const struct setting_key *key, const Openshell__Sandbox__V1__SettingValue *value,
    struct span *out, struct why *why) must_check;

/* The value for callers; text NULL: it is not set, and has no value. Borrows text. */
void setting_value_view(const struct setting_key *key, char *text, Openshell__Sandbox__V1__SettingValue *out);

#endif
