/* SPDX-License-Identifier: MIT */
/* survives WHAT: does something after TLS was used that a library in its midst must bear; prints the outcome.
 * CERT and KEY in the environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "tls_pair.h"

#define STACK (64 << 10)

static struct tls_pair pair;

static void say(long result)
{
    printf("%ld %s\n", result, result < 0 ? strerror(errno) : "");
    fflush(stdout);
}

/* A forked child cannot lock its memory, and ends its parent's sessions. */
static void lock_in_child(void)
{
    int status;
    if (fork() == 0) {
        const struct rlimit limit = {64 << 10, 64 << 10};
        setrlimit(RLIMIT_MEMLOCK, &limit);
        say(mlockall(MCL_CURRENT));
        SSL_free(pair.client);
        SSL_free(pair.server);
        exit(0);
    }
    wait(&status);
    say(status);
}

/* Sets a limit on its private memory, and uses most of it. */
static void limit_data(void)
{
    const struct rlimit limit = {40 << 20, 40 << 20};
    say(setrlimit(RLIMIT_DATA, &limit));
    say(malloc(24 << 20) != NULL);
}

/* Asks the kernel whether memory can be read, while what another descriptor was sent looks like the beginning of a ClientHello. */
static void probe(void)
{
    char byte;
    int ends[2], pipes[2];
    void *memory = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(pipes) == 0 && write(ends[0], "\x16", 1) == 1 &&
        read(ends[1], &byte, 1) == 1)
        say(write(pipes[1], memory, 1));
}

/* The same in a callback of the library's, while it writes. */
static void probe_within(int written, int version, int type, const void *bytes, size_t length, SSL *ssl, void *memory)
{
    static int probes;
    int ends[2];
    (void)version, (void)type, (void)bytes, (void)length, (void)ssl;
    if (written && probes++ == 0 && pipe(ends) == 0)
        say(write(ends[1], memory, 100));
}

static void write_probing(void)
{
    static char much[100000];
    fcntl(pair.client_fd, F_SETFL, O_NONBLOCK);
    SSL_set_msg_callback(pair.client, probe_within);
    SSL_set_msg_callback_arg(pair.client, mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SSL_write(pair.client, much, sizeof much);
}

static long mapped(void)
{
    char line[256];
    long size = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmSize: %ld", &size);
    fclose(status);
    return size;
}

/* A child that has its parent's memory sets a limit for the program that it will run: whether the parent lost memory. */
static void limit_in_vforked(void)
{
    const struct rlimit limit = {4ul << 30, 4ul << 30};
    long before = mapped();
    if (vfork() == 0) {
        setrlimit(RLIMIT_AS, &limit);
        _exit(0);
    }
    wait(NULL);
    say(before - mapped() > 1 << 10);
}

static ucontext_t main_context, writing, other;
static int pipes[2], carried, new_fd;

/* A BIO that passes one record on, where `carried`, and yields. */
static int write_and_yield(BIO *bio, const char *bytes, int length)
{
    (void)bio;
    if (carried && write(pair.client_fd, bytes, (size_t)length) < 0)
        abort();
    swapcontext(&writing, &main_context);
    return length;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void write_much(void)
{
    static char much[300000];
    SSL_write(pair.client, much, sizeof much);
}

static void write_little(void)
{
    say(write(carried ? new_fd : pipes[1], "a line of text\n", 15));
    swapcontext(&other, &main_context);
}

/* A coroutine is given up within a large write, its stack goes, and one whose stack lies below writes. */
static void give_up_coroutine(void)
{
    char *stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 99, "yielding");
    BIO_meth_set_write(method, write_and_yield);
    BIO_meth_set_ctrl(method, control);
    BIO *bio = BIO_new(method);
    BIO_set_init(bio, 1);
    SSL_set0_wbio(pair.client, bio);
    getcontext(&writing);
    writing.uc_stack.ss_sp = stacks + STACK;
    writing.uc_stack.ss_size = STACK;
    makecontext(&writing, write_much, 0);
    getcontext(&other);
    other.uc_stack.ss_sp = stacks;
    other.uc_stack.ss_size = STACK;
    makecontext(&other, write_little, 0);
    if (pipe(pipes) != 0)
        return;
    swapcontext(&main_context, &writing);
    munmap(stacks + STACK, STACK);
    if (carried) {
        SSL_free(pair.client);
        new_fd = dup2(pipes[1], pair.client_fd);
    }
    swapcontext(&main_context, &other);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    tls_pair_open(&pair);
    tls_pair_pass(&pair, "hello", 5);
    carried = strcmp(what, "carried") == 0;
    if (strcmp(what, "child") == 0)
        lock_in_child();
    else if (strcmp(what, "data") == 0)
        limit_data();
    else if (strcmp(what, "vforked") == 0)
        limit_in_vforked();
    else if (strcmp(what, "probe") == 0)
        probe();
    else if (strcmp(what, "callback") == 0)
        write_probing();
    else
        give_up_coroutine();
    return 0;
}
