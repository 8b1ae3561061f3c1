/* OpenSSL's headers, whose type ERR_STATE would hide our error of that name. Include nothing of OpenSSL but this. */
#ifndef COMMON_HTTPS_TLS_H
#define COMMON_HTTPS_TLS_H

#define ERR_STATE openssl_err_state
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
