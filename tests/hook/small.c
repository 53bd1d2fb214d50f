/* SPDX-License-Identifier: MIT */
/* One session of the fake library: writes 100 bytes, reads 60. */
#include "fake_tls.h"

int main(void)
{
    struct fake_context context;
    uint8_t bytes[100];
    size_t done;
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context);
    fake_fill(42, 0, 0, bytes, sizeof bytes);
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
    SSL_read_ex(ssl, bytes, 60, &done);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return 0;
}
