/* SPDX-License-Identifier: MIT */
/* A library with a function of the C library's: callers of mlockall are answered here. */
int mlockall(int flags);

int mlockall(int flags)
{
    return flags + 7;
}
