/* SPDX-License-Identifier: MIT */
/* loads PLUGIN: loads it so that it binds to its own functions first, and asks it. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    void *plugin = count > 1 ? dlopen(arguments[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
    long (*ask)(void) = plugin == NULL ? NULL : (long (*)(void))dlsym(plugin, "ask");
    printf("%ld\n", ask == NULL ? -1 : ask());
    return 0;
}
