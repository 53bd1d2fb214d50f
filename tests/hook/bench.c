/* SPDX-License-Identifier: MIT */
/* bench: nanoseconds per call of SSL_write_ex of a library that does nothing, at 100 B and 16 KiB, and per read of a socket pair.
 * Run it with the hook and without; the difference is what the hook costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fake_tls.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double write_ns(void *ssl, size_t length, unsigned calls)
{
    static uint8_t bytes[65536];
    size_t done;
    double best = 1e18;
    for (unsigned round = 0; round < 20; round++) {
        double start = now();
        for (unsigned i = 0; i < calls; i++)
            SSL_write_ex(ssl, bytes, length, &done);
        double each = (now() - start) / calls;
        best = each < best ? each : best;
        usleep(2000); /* let the agent empty the ring */
    }
    return best;
}

int main(void)
{
    struct fake_context context;
    fake_context_set(&context, 1, 0);
    void *ssl = SSL_new(&context);
    int pair[2];
    char byte = 'x';
    double start, read_best = 1e18;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 1;
    for (unsigned round = 0; round < 20; round++) {
        start = now();
        for (unsigned i = 0; i < 2000; i++)
            if (write(pair[0], &byte, 1) != 1 || read(pair[1], &byte, 1) != 1)
                return 1;
        double each = (now() - start) / 2000;
        read_best = each < read_best ? each : read_best;
    }
    printf("{\"write100\":%.1f,\"write16k\":%.1f,\"writeAndRead\":%.1f}\n", write_ns(ssl, 100, 1000),
           write_ns(ssl, 16384, 30), read_best);
    SSL_free(ssl);
    return 0;
}
