/* SPDX-License-Identifier: MIT */
/* memcpy, memset and memcmp, which compilers call even in code that is linked to no C library. */
#include "sys.h"

typedef unsigned char vector __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half __attribute__((aligned(1), may_alias));

/* From here on `rep movsb` is faster than 16-byte copies on processors with ERMS. */
#define REP_FROM 768

/* Keeps the compiler from replacing a loop with a call of the very function that it is in. */
#define KEEP_LOOP __asm__ volatile("" : : : "memory")

static inline void copy_32(unsigned char *t, const unsigned char *f)
{
    vector first = *(const vector *)f, second = *(const vector *)(f + 16);
    *(vector *)t = first;
    *(vector *)(t + 16) = second;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (length >= 16) {
#if defined(__x86_64__)
        if (length >= REP_FROM) {
            __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(length) : : "memory");
            return to;
        }
#endif
        vector first = *(const vector *)f, last = *(const vector *)(f + length - 16);
        if (length > 128) {
            vector late = *(const vector *)(f + length - 32);
            unsigned char *end = t + length - 32;
            for (; t < end; t += 32, f += 32) {
                vector one = *(const vector *)f, two = *(const vector *)(f + 16);
                *(vector *)t = one;
                *(vector *)(t + 16) = two;
                KEEP_LOOP;
            }
            *(vector *)end = late;
            *(vector *)(end + 16) = last;
            return to;
        }
        if (length > 64) {
            copy_32(t + 32, f + 32);
            copy_32(t + length - 64, f + length - 64);
        }
        if (length > 32) {
            copy_32(t, f);
            copy_32(t + length - 32, f + length - 32);
            return to;
        }
        *(vector *)t = first;
        *(vector *)(t + length - 16) = last;
        return to;
    }
    if (length >= 8) {
        uint64_t first = *(const word *)f, last = *(const word *)(f + length - 8);
        *(word *)t = first;
        *(word *)(t + length - 8) = last;
    } else if (length >= 4) {
        uint32_t first = *(const half *)f, last = *(const half *)(f + length - 4);
        *(half *)t = first;
        *(half *)(t + length - 4) = last;
    } else if (length > 0) {
        unsigned char first = f[0], middle = f[length / 2], last = f[length - 1];
        t[0] = first;
        t[length / 2] = middle;
        t[length - 1] = last;
    }
    return to;
}

void *memset(void *to, int value, size_t length)
{
    unsigned char *t = to;
    const uint64_t bytes = (unsigned char)value * 0x0101010101010101ull;
    for (; length >= sizeof bytes; t += sizeof bytes, length -= sizeof bytes) {
        *(word *)t = bytes;
        KEEP_LOOP;
    }
    for (size_t i = 0; i < length; i++) {
        t[i] = (unsigned char)value;
        KEEP_LOOP;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < length; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}
