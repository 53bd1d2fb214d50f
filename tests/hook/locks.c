/* SPDX-License-Identifier: MIT */
/* Has the fake library and does not use it: locks its memory, takes more, cannot lock that, and looks whether it is still there. Needs to be
 * without CAP_IPC_LOCK. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_tls.h"

#define PIECES 160
#define PIECE (1ul << 20)

static void say(int result)
{
    printf("%d %s\n", result, result < 0 ? strerror(errno) : "");
    fflush(stdout);
}

int main(void)
{
    static char *pieces[PIECES];
    int whole = fake_handshaking == 0;
    say(mlockall(MCL_CURRENT));
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(pieces[i], i + 1, PIECE);
    }
    say(mlockall(MCL_CURRENT));
    for (int i = 0; i < PIECES; i++)
        whole = whole && pieces[i][0] == (char)(i + 1) && pieces[i][PIECE - 1] == (char)(i + 1);
    say(whole);
    return 0;
}
