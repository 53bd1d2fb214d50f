/* SPDX-License-Identifier: MIT */
/* Calls a function of OpenSSL's, or CALLED, where it is not compiled with PLAIN; says so, and waits for the end of its input. */
#include <stdio.h>

#ifndef CALLED
#define CALLED SSL_read
#endif
#ifndef PLAIN
int CALLED(void *, void *, int);
#endif

int main(int count, char **arguments)
{
    (void)arguments;
    puts("loaded");
    fflush(stdout);
    while (getchar() != EOF)
        ;
#ifndef PLAIN
    if (count > 1)
        return CALLED(NULL, NULL, 0);
#endif
    return count > 9;
}
