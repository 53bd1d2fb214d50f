/* SPDX-License-Identifier: MIT */
/* Calls a function of OpenSSL's, where it is not compiled with PLAIN; says so, and waits for the end of its input. */
#include <stdio.h>

#ifndef PLAIN
int SSL_read(void *, void *, int);
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
        return SSL_read(NULL, NULL, 0);
#endif
    return count > 9;
}
