/* SPDX-License-Identifier: MIT */
/* pairs tls|plain COUNT: so many writes and reads of 100 bytes, by a session of the fake library or through a pipe. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_tls.h"

int main(int count, char **arguments)
{
    static uint8_t bytes[100];
    struct fake_context context;
    int ends[2];
    size_t done;
    if (count < 3 || pipe(ends) != 0)
        return 2;
    long pairs = atol(arguments[2]);
    if (strcmp(arguments[1], "tls") != 0) {
        for (long i = 0; i < pairs; i++)
            if (write(ends[1], bytes, sizeof bytes) < 0 || read(ends[0], bytes, sizeof bytes) < 0)
                return 1;
        return 0;
    }
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context);
    for (long i = 0; i < pairs; i++) {
        SSL_write_ex(ssl, bytes, sizeof bytes, &done);
        SSL_read_ex(ssl, bytes, sizeof bytes, &done);
    }
    SSL_free(ssl);
    return 0;
}
