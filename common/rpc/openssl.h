/* OpenSSL's headers, with the one name of theirs that is also ours out of the way; include these and no others. */
#ifndef COMMON_RPC_OPENSSL_H
#define COMMON_RPC_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#undef ERR_STATE

#endif
