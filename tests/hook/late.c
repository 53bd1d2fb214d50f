/* SPDX-License-Identifier: MIT */
/* late LIBRARY: locks all memory that is to come, and then loads a TLS library; prints the outcome, and whether much was locked. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int count, char **arguments)
{
    char line[256];
    long locked = 0;
    int result = mlockall(MCL_CURRENT | MCL_FUTURE);
    void *library = count > 1 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    if (library == NULL || dlsym(library, "SSL_new") == NULL)
        return 1;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmLck: %ld", &locked);
    printf("%d %d\n", result, locked > 32 << 10);
    return 0;
}
