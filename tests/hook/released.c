/* SPDX-License-Identifier: MIT */
/* released SIZE...: writes so much through a session of the fake library, each time from memory that is gone when the call
 * returns, in turn by each of its calls. */
#include <stdlib.h>
#include <sys/mman.h>

#include "fake_tls.h"

int main(int count, char **arguments)
{
    struct fake_context context;
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context);
    uint64_t offset = 0;
    fake_releasing = 1;
    for (int i = 1; i < count; i++) {
        size_t length = strtoul(arguments[i], NULL, 10), done;
        uint8_t *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fake_fill(42, 0, offset, bytes, length);
        if (i % 3 == 0)
            SSL_write(ssl, bytes, (int)length);
        else if (i % 3 == 1)
            SSL_write_ex(ssl, bytes, length, &done);
        else
            SSL_write_early_data(ssl, bytes, length, &done);
        offset += length;
    }
    SSL_free(ssl);
    return 0;
}
