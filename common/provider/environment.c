/* From configuration to variables, by one table. */
#include "common/provider/environment.h"

#include <string.h>

#include "common/base/clean.h"

#define METADATA_HOST "127.0.0.1:8174"

/* A variable is what the first of these configuration entries says, or a fixed text. */
static const struct {
	const char *type, *variable;
	const char *from[3];
	const char *fixed;
	bool metadata; /* only with the emulator */
} variables[] = {
    {"google-cloud", "GCP_PROJECT_ID", {"GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "project_id"}, NULL, false},
    {"google-cloud", "GOOGLE_CLOUD_PROJECT", {"GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "project_id"}, NULL, false},
    {"google-cloud", "CLOUD_ML_REGION", {"GCP_LOCATION", "CLOUD_ML_REGION", "region"}, NULL, false},
    {"google-cloud", "GCP_LOCATION", {"GCP_LOCATION", "CLOUD_ML_REGION", "region"}, NULL, false},
    {"google-cloud", "GCP_SERVICE_ACCOUNT_EMAIL", {"GCP_SERVICE_ACCOUNT_EMAIL", "client_email"}, NULL, false},
    {"google-cloud", "GCE_METADATA_HOST", {NULL}, METADATA_HOST, true},
    {"google-cloud", "GCE_METADATA_IP", {NULL}, METADATA_HOST, true},
    {"google-cloud", "METADATA_SERVER_DETECTION", {NULL}, "assume-present", true},
    {"google-vertex-ai", "GCP_PROJECT_ID", {"VERTEX_AI_PROJECT_ID"}, NULL, false},
    {"google-vertex-ai", "GOOGLE_CLOUD_PROJECT", {"VERTEX_AI_PROJECT_ID"}, NULL, false},
    {"google-vertex-ai", "ANTHROPIC_VERTEX_PROJECT_ID", {"VERTEX_AI_PROJECT_ID"}, NULL, false},
    {"google-vertex-ai", "CLOUD_ML_REGION", {"VERTEX_AI_REGION"}, NULL, false},
    {"google-vertex-ai", "GCP_LOCATION", {"VERTEX_AI_REGION"}, NULL, false},
    {"google-vertex-ai", "VERTEX_LOCATION", {"VERTEX_AI_REGION"}, NULL, false},
    {"google-vertex-ai", "GOOSE_PROVIDER", {NULL}, "gcp_vertex_ai", false},
};

static const char *
value_of(const struct provider_attached *attached, size_t row)
{
	for (size_t i = 0; i < COUNT(variables[row].from) && variables[row].from[i] != NULL; i++)
		for (size_t j = 0; j < attached->config_count; j++)
			if (strcmp(attached->config[j].key, variables[row].from[i]) == 0 &&
			    attached->config[j].value[0] != '\0')
				return attached->config[j].value;
	return variables[row].fixed;
}

size_t
environment_of(
    const struct provider_attached *attached, bool metadata, struct provider_pair out[ENVIRONMENT_VARIABLES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(variables); i++) {
		const char *value;

		if (strcmp(attached->type, variables[i].type) != 0 || (variables[i].metadata && !metadata) ||
		    (value = value_of(attached, i)) == NULL || n == ENVIRONMENT_VARIABLES_MAX)
			continue;
		out[n++] = (struct provider_pair){variables[i].variable, value};
	}
	return n;
}
