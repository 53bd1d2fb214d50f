/* SPDX-License-Identifier: MIT */
/* together now|lazy PLUGIN...: loads them all, then asks each twice. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    long (*ask[8])(void), sum = 0;
    int mode = count > 1 && strcmp(arguments[1], "now") == 0 ? RTLD_NOW : RTLD_LAZY, plugins = 0;
    for (int i = 2; i < count && plugins < 8; i++) {
        void *plugin = dlopen(arguments[i], mode | RTLD_LOCAL);
        ask[plugins++] = plugin == NULL ? NULL : (long (*)(void))dlsym(plugin, "ask");
    }
    for (int i = 0; i < 2 * plugins; i++)
        sum += ask[i % plugins] == NULL ? -1000 : ask[i % plugins]();
    printf("%ld\n", sum);
    return 0;
}
