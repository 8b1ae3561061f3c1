/* Short names for the messages of providers, for the files of this folder. */
#ifndef COMMON_PROVIDER_MESSAGES_H
#define COMMON_PROVIDER_MESSAGES_H

#include "common/policy/messages.h"
#include "openshell/openshell.pb-c.h"

#define PROFILE_PART(part) openshell__v1__##part##__descriptor

#define Profile	   Openshell__V1__ProviderProfile
#define Credential Openshell__V1__ProviderProfileCredential
#define Refresh	   Openshell__V1__ProviderCredentialRefresh
#define Material   Openshell__V1__ProviderCredentialRefreshMaterial
#define Output	   Openshell__V1__ProviderCredentialRefreshOutput
#define Grant	   Openshell__V1__ProviderCredentialTokenGrant
#define Override   Openshell__V1__ProviderCredentialTokenGrantAudienceOverride
#define Item	   Openshell__V1__ProviderProfileImportItem
#define Diagnostic Openshell__V1__ProviderProfileDiagnostic

#define STRATEGY(name) OPENSHELL__V1__PROVIDER_CREDENTIAL_REFRESH_STRATEGY__PROVIDER_CREDENTIAL_REFRESH_STRATEGY_##name

#endif
