/* SPDX-License-Identifier: MIT */
/* A library that uses the mbed TLS it is linked with, also when it is loaded unless LATE is defined. */
#include <stddef.h>

int mbedtls_ssl_setup(long *session, const void *config);
void mbedtls_ssl_free(long *session);
int mbedtls_ssl_handshake(long *session);
int mbedtls_ssl_write(long *session, const unsigned char *bytes, size_t length);
int mbedtls_ssl_read(long *session, unsigned char *bytes, size_t length);
const char *mbedtls_ssl_get_version(const long *session);

static long use(void)
{
    long session[4];
    unsigned char bytes[8];
    if (mbedtls_ssl_setup(session, NULL) != 0 || mbedtls_ssl_get_version(session)[0] != 'T')
        return -100;
    long sum = mbedtls_ssl_handshake(session) + mbedtls_ssl_write(session, (const unsigned char *)"hello", 5);
    sum += mbedtls_ssl_read(session, bytes, sizeof bytes);
    mbedtls_ssl_free(session);
    return sum;
}

#include "library_user.h"
