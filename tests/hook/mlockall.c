/* SPDX-License-Identifier: MIT */
/* Locks all memory into RAM when a session was made; prints the outcome. */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    errno = 0;
    int result = ssl == NULL ? -2 : mlockall(MCL_CURRENT);
    printf("%d %s\n", result, strerror(errno));
    return 0;
}
