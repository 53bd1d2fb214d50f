/* SPDX-License-Identifier: MIT */
/* Has a TLS library, makes a context, and makes no connection; ends on a line of input. */
#include <openssl/ssl.h>
#include <stdio.h>

int main(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    puts(ssl != NULL ? "ready" : "failed");
    fflush(stdout);
    getchar();
    SSL_free(ssl);
    SSL_CTX_free(context);
    return 0;
}
