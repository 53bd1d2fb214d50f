/* SPDX-License-Identifier: MIT */
/* A program without a loader: no library can be put before anything in it. */
#include <stdio.h>

int main(void) {
    puts("static");
    return 3;
}
