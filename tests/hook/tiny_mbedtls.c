/* SPDX-License-Identifier: MIT */
/* An mbed TLS that knows its own sessions: they carry NUMBER. */
#include <stddef.h>

int mbedtls_ssl_setup(long *session, const void *config);
int mbedtls_ssl_setup(long *session, const void *config)
{
    (void)config;
    *session = NUMBER;
    return 0;
}

void mbedtls_ssl_free(long *session);
void mbedtls_ssl_free(long *session)
{
    *session = 0;
}

int mbedtls_ssl_handshake_step(long *session);
int mbedtls_ssl_handshake_step(long *session)
{
    return *session == NUMBER ? 0 : -100;
}

/* By a tail call. */
int mbedtls_ssl_handshake(long *session);
int mbedtls_ssl_handshake(long *session)
{
    return mbedtls_ssl_handshake_step(session);
}

int mbedtls_ssl_write(long *session, const unsigned char *bytes, size_t length);
int mbedtls_ssl_write(long *session, const unsigned char *bytes, size_t length)
{
    (void)bytes;
    return *session == NUMBER ? (int)length : -100;
}

int mbedtls_ssl_read(long *session, unsigned char *bytes, size_t length);
int mbedtls_ssl_read(long *session, unsigned char *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    return *session == NUMBER ? 0 : -100;
}

/* Not interposed. */
const char *mbedtls_ssl_get_version(const long *session);
const char *mbedtls_ssl_get_version(const long *session)
{
    return *session == NUMBER ? "TLSv1.2" : "unknown";
}
