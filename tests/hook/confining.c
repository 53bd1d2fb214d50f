/* SPDX-License-Identifier: MIT */
/* A library that is loaded with RTLD_DEEPBIND and has its own way to the kernel. */
#include <stdarg.h>
#include <unistd.h>

long confining_syscall(long number, long a, long b, void *c)
{
    return syscall(number, a, b, c);
}
