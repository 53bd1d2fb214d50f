/* SPDX-License-Identifier: MIT */
/* deepbind LIBRARY MODE: loads LIBRARY, whose `pass` opens a TLS connection and passes 5 bytes; MODE "deep": with RTLD_DEEPBIND. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    if (count < 3)
        return 2;
    void *library = dlopen(arguments[1], RTLD_LAZY | (strcmp(arguments[2], "deep") == 0 ? RTLD_DEEPBIND : 0));
    void (*pass)(void) = library == NULL ? NULL : (void (*)(void))dlsym(library, "pass");
    if (pass == NULL)
        return puts(dlerror()), 3;
    pass();
    puts("passed");
    return 0;
}
