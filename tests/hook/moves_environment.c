/* SPDX-License-Identifier: MIT */
/* A library that moves the environment, when it is loaded, to where nothing lies behind it. */
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

extern char **environ;

__attribute__((constructor)) static void move(void)
{
    size_t count = 1;
    for (char **entry = environ; *entry != NULL; entry++)
        count++;
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    environ = memcpy(pages + PAGE - count * sizeof *environ, environ, count * sizeof *environ);
}
