/* SPDX-License-Identifier: MIT */
/* A plugin with a function of its own that is called as one of the C library's. */
long send(int a, const void *b, unsigned long c, int d);

long send(int a, const void *b, unsigned long c, int d)
{
    (void)a, (void)b, (void)c, (void)d;
    return 4242;
}

long ask(void);

long ask(void)
{
    return send(-1, "", 1, 0);
}
