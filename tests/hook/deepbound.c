/* SPDX-License-Identifier: MIT */
/* What deepbind.c loads. */
#include "tls_pair.h"

void pass(void)
{
    struct tls_pair pair;
    tls_pair_open(&pair);
    tls_pair_pass(&pair, "hello", 5);
    SSL_shutdown(pair.client);
    SSL_free(pair.client);
    SSL_free(pair.server);
}
