/* SPDX-License-Identifier: MIT */
/* together now|lazy|close PLUGIN...: loads them all, then asks each twice; close: takes the first away, and asks the others. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    void *loaded[8];
    long (*ask[8])(void), sum = 0;
    int mode = count > 1 && strcmp(arguments[1], "now") == 0 ? RTLD_NOW : RTLD_LAZY, plugins = 0;
    for (int i = 2; i < count && plugins < 8; i++) {
        loaded[plugins] = dlopen(arguments[i], mode | RTLD_LOCAL);
        ask[plugins] = loaded[plugins] == NULL ? NULL : (long (*)(void))dlsym(loaded[plugins], "ask");
        plugins++;
    }
    int first = count > 1 && strcmp(arguments[1], "close") == 0;
    if (first == 1)
        dlclose(loaded[0]);
    for (int turn = 0; turn < 2; turn++)
        for (int i = first; i < plugins; i++)
            sum += ask[i] == NULL ? -1000 : ask[i]();
    printf("%ld\n", sum);
    return 0;
}
