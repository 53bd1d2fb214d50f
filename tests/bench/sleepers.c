/* SPDX-License-Identifier: MIT */
/* sleepers LIBRARY COUNT: so many processes that map a library and sleep, until standard input ends. Prints a line when they do. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    char byte;
    if (count < 3 || !dlopen(arguments[1], RTLD_NOW)) {
        fprintf(stderr, "sleepers: %s\n", count < 3 ? "words are missing" : dlerror());
        return 1;
    }
    for (long left = atol(arguments[2]) - 1; left > 0; left--) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
    }
    puts("asleep");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}
