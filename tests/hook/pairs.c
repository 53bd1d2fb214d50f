/* SPDX-License-Identifier: MIT */
/* pairs tls|unwanted|plain COUNT: so many writes and reads of 100 bytes, by a session of the fake library, of which nothing is wanted after
 * the first pair, or through a pipe. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_tls.h"
#include "own_region.h"

static uint8_t bytes[100];

static void pass(void *ssl)
{
    size_t done;
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
    SSL_read_ex(ssl, bytes, sizeof bytes, &done);
}

int main(int count, char **arguments)
{
    struct fake_context context;
    int ends[2];
    if (count < 3 || pipe(ends) != 0)
        return 2;
    long pairs = atol(arguments[2]);
    if (strcmp(arguments[1], "plain") == 0) {
        for (long i = 0; i < pairs; i++)
            if (write(ends[1], bytes, sizeof bytes) < 0 || read(ends[0], bytes, sizeof bytes) < 0)
                return 1;
        return 0;
    }
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context);
    pass(ssl);
    struct sslc_region *region = find_region();
    if (region != NULL && strcmp(arguments[1], "unwanted") == 0)
        first_ring(region)->retired = SSLC_UNWANTED;
    for (long i = 0; i < pairs; i++)
        pass(ssl);
    SSL_free(ssl);
    return 0;
}
