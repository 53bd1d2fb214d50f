/* SPDX-License-Identifier: MIT */
/* Calls what the C library has, and what a library before it has; prints the outcomes. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
    char bytes[4];
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    long written = write(ends[1], "abc", 3);
    long received = read(ends[0], bytes, sizeof bytes);
    printf("%d %ld %ld\n", mlockall(1), written, received);
    return 0;
}
