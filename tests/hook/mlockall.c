/* SPDX-License-Identifier: MIT */
/* Locks all memory into RAM when a session was made; prints the outcome. It has as little of it as may be: many machines let nobody lock more than
 * 8 MiB. */
#include <errno.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS, NULL);
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    malloc_trim(0);
    errno = 0;
    int result = ssl == NULL ? -2 : mlockall(MCL_CURRENT);
    printf("%d %s\n", result, strerror(errno));
    return 0;
}
