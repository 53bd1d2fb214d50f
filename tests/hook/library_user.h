/* SPDX-License-Identifier: MIT */
/* What a library that uses TLS tells who asks it: 0 where all went as it should, when it was loaded (unless LATE is defined) and again now.
 * Its `use` answers 5 then. */
#ifdef LATE
static const long early = 5;
#else
static long early;

__attribute__((constructor)) static void load(void)
{
    early = use();
}
#endif

long ask(void);
long ask(void)
{
    return use() + early - 5;
}
