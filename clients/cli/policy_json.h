/* A policy in the shape of its file, as JSON; printed as YAML it can be read again by common/policy/yaml.h. */
#ifndef CLIENTS_CLI_POLICY_JSON_H
#define CLIENTS_CLI_POLICY_JSON_H

#include <jansson.h>

#include "openshell/sandbox.pb-c.h"

/* A new reference; null for NULL. What never stands in a file (marks of the gateway and of proposals) is left out. */
json_t *policy_json(const Openshell__Sandbox__V1__SandboxPolicy *policy);

/* Bring the JSON of one endpoint from the names of its message to those of a file. */
void endpoint_json_fix(json_t *endpoint);

#endif
