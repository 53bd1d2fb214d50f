/* SPDX-License-Identifier: MIT */
/* reloads PLUGIN...: loads, asks and unloads them in turn, many times, each time at another address. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int count, char **arguments)
{
    long sum = 0;
    for (int i = 0; i < 24; i++) {
        void *plugin = dlopen(arguments[1 + i % (count - 1)], RTLD_NOW | RTLD_LOCAL);
        long (*ask)(void) = plugin == NULL ? NULL : (long (*)(void))dlsym(plugin, "ask");
        sum += ask == NULL ? -1000 : ask();
        dlclose(plugin);
        for (int j = 0; j < 40; j++) /* into the hole that it leaves */
            mmap(NULL, 20000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    printf("%ld\n", sum);
    return 0;
}
