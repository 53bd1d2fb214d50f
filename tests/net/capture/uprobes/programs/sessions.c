/* SPDX-License-Identifier: MIT */
/*
 * sessions confined WAY | many COUNT | forked | again [LAST]: TLS sessions in memory, both ends in this process. Between its steps it
 * says a word and reads a byte from standard input.
 *
 * confined: one session before a seccomp filter is in force and after; WAY `strict` leaves read, write and exit, `filter` what OpenSSL
 * needs for another session too. many: COUNT sessions open at a time. forked: a child goes on with its parent's session when that has
 * freed it, and a grandchild with the child's. again: runs itself again in its place, without freeing its session.
 */
#include "psk.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MESSAGE = 1000, ROUNDS = 20, BUFFER = 4096, HEAP = 32 << 20 };

struct pair {
    SSL *client;
    SSL *server;
};

static SSL_CTX *context;

static void make_context(void)
{
    context = psk_context();
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

static struct pair made(void)
{
    struct pair pair = { SSL_new(context), SSL_new(context) };
    BIO *one, *other;
    demand(BIO_new_bio_pair(&one, BUFFER, &other, BUFFER) == 1, "no memory");
    SSL_set_bio(pair.client, one, one);
    SSL_set_bio(pair.server, other, other);
    SSL_set_connect_state(pair.client);
    SSL_set_accept_state(pair.server);
    for (int left = 10; !SSL_is_init_finished(pair.client) || !SSL_is_init_finished(pair.server); left--) {
        demand(left > 0, "no handshake");
        SSL_do_handshake(pair.client);
        SSL_do_handshake(pair.server);
    }
    return pair;
}

/* A message from the client to the server, and as much back. */
static void pass(struct pair pair)
{
    static unsigned char message[MESSAGE];
    demand(SSL_write(pair.client, message, MESSAGE) == MESSAGE, "not written");
    demand(SSL_read(pair.server, message, MESSAGE) == MESSAGE, "not read");
    demand(SSL_write(pair.server, message, MESSAGE) == MESSAGE, "not written back");
    demand(SSL_read(pair.client, message, MESSAGE) == MESSAGE, "not read back");
}

static void pass_often(struct pair pair)
{
    for (int round = 0; round < ROUNDS; round++)
        pass(pair);
}

static void release(struct pair pair)
{
    SSL_shutdown(pair.client);
    SSL_shutdown(pair.server);
    SSL_free(pair.client);
    SSL_free(pair.server);
}

/* Says a word and waits until it is heard. */
static void step(const char *word)
{
    char byte;
    demand(write(1, word, strlen(word)) > 0 && read(0, &byte, 1) == 1, "nobody is there");
}

#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void confine(int is_strict)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read), ALLOW(write), ALLOW(exit), ALLOW(getpid), ALLOW(getrandom), ALLOW(brk),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    demand(prctl(PR_SET_SECCOMP, is_strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER, &program) == 0, "no filter");
}

static void be_confined(int is_strict)
{
    /* What is allocated later is there already. */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 2 * HEAP);
    free(malloc(HEAP));
    struct pair pair = made();
    pass_often(pair);
    confine(is_strict);
    for (const char *const *word = (const char *const[]){ "confined\n", "probed\n", "left\n", NULL }; *word; word++) {
        step(*word);
        pass_often(pair);
        if (is_strict)
            continue;
        struct pair other = made();
        pass_often(other);
        release(other);
    }
    release(pair);
    syscall(SYS_exit, 0);
}

static void be_many(size_t count)
{
    struct pair *pairs = calloc(count, sizeof *pairs);
    for (size_t i = 0; i < count; i++)
        pass(pairs[i] = made());
    step("open\n");
    for (size_t i = 0; i < count; i++)
        pass(pairs[i]);
    for (size_t i = 0; i < count; i++)
        release(pairs[i]);
    free(pairs);
}

/* Runs what follows in a child, which waits until its parent has freed the session. */
static int goes_on_in_child(struct pair pair)
{
    int freed[2], status;
    char byte;
    demand(pipe(freed) == 0, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        demand(read(freed[0], &byte, 1) == 1, "the parent has gone");
        return 1;
    }
    SSL_free(pair.client);
    SSL_free(pair.server);
    demand(write(freed[1], "", 1) == 1, "the child has gone");
    demand(waitpid(child, &status, 0) == child && status == 0, "the child failed");
    return 0;
}

static void be_forked(void)
{
    struct pair pair = made();
    pass(pair);
    if (!goes_on_in_child(pair))
        return;
    pass(pair);
    if (!goes_on_in_child(pair))
        _exit(0);
    pass(pair);
    release(pair);
    _exit(0);
}

static void be_again(char **arguments, int is_last)
{
    struct pair pair = made();
    pass(pair);
    if (is_last)
        return;
    execv("/proc/self/exe", (char *[]){ arguments[0], arguments[1], "last", NULL });
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    make_context();
    step("begun\n");
    if (strcmp(what, "confined") == 0 && count > 2)
        be_confined(strcmp(arguments[2], "strict") == 0);
    else if (strcmp(what, "many") == 0 && count > 2)
        be_many(strtoul(arguments[2], NULL, 10));
    else if (strcmp(what, "forked") == 0)
        be_forked();
    else if (strcmp(what, "again") == 0)
        be_again(arguments, count > 2);
    else
        demand(0, "unknown words");
    return 0;
}
