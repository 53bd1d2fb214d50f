/* SPDX-License-Identifier: MIT */
/* replaced FIRST SECOND: loads and asks FIRST, unloads it, and loads SECOND, which asks itself as it is loaded. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    void *first = count < 3 ? NULL : dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    long (*ask)(void) = first == NULL ? NULL : (long (*)(void))dlsym(first, "ask");
    if (ask == NULL)
        return 2;
    printf("%ld\n", ask());
    dlclose(first);
    return dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL) == NULL;
}
