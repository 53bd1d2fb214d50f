/* SPDX-License-Identifier: MIT */
/* threads blocked|left|handler|cancelled: TLS calls that are not simply made and done, beside a session that goes on.
 *
 * `blocked`: one thread's SSL_write waits for a peer that does not read. `left`: more writes than there are buffers are left by siglongjmp
 * from below. `handler`: a signal handler writes to a session of its own while the main thread writes to another.
 * `cancelled`: threads end within a write. Then 1,000 records of 600 bytes pass over one more session, which must all be seen,
 * and the program ends on a line of input. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "tls_pair.h"

#define LEFT 150
#define RECORDS 1000
#define RECORD 600

static struct tls_pair stuck, handled;
static char bytes[1 << 20];
static sigjmp_buf away;

static void *write_until_blocked(void *unused)
{
    for (;;)
        SSL_write(stuck.client, bytes, 16000);
    return unused;
}

/* Below the session, where the library holds no lock. */
static int leave(BIO *bio, const char *unused, int length)
{
    (void)bio, (void)unused, (void)length;
    siglongjmp(away, 1);
}

static long answer_control(BIO *bio, int command, long number, void *argument)
{
    (void)bio, (void)command, (void)number, (void)argument;
    return 1;
}

static void leave_writes_of(SSL *ssl)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "leave");
    BIO_meth_set_write(method, leave);
    BIO_meth_set_ctrl(method, answer_control);
    BIO *bio = BIO_new(method);
    BIO_set_init(bio, 1);
    SSL_set0_wbio(ssl, bio);
}

static void answer(int signal)
{
    (void)signal;
    tls_pair_pass(&handled, bytes, 700);
}

static void every(unsigned microseconds, void (*handler)(int))
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void *write_once(void *unused)
{
    struct tls_pair pair;
    tls_pair_open(&pair);
    for (;;)
        SSL_write(pair.client, bytes, 16000);
    return unused;
}

int main(int count, char **arguments)
{
    struct tls_pair pair;
    pthread_t thread;
    const char *what = count > 1 ? arguments[1] : "";
    tls_pair_open(&pair);
    tls_pair_open(&stuck);
    tls_pair_open(&handled);
    if (strcmp(what, "blocked") == 0) {
        pthread_create(&thread, NULL, write_until_blocked, NULL);
    } else if (strcmp(what, "left") == 0) {
        leave_writes_of(stuck.client);
        for (volatile int i = 0; i < LEFT; i++)
            if (sigsetjmp(away, 1) == 0)
                SSL_write(stuck.client, bytes, 16000);
    } else if (strcmp(what, "cancelled") == 0) {
        for (int i = 0; i < 20; i++) {
            pthread_create(&thread, NULL, write_once, NULL);
            usleep(20000);
            pthread_cancel(thread);
            pthread_join(thread, NULL);
        }
    } else {
        every(500, answer);
    }
    for (int i = 0; i < RECORDS; i++)
        tls_pair_pass(&pair, bytes, RECORD);
    signal(SIGALRM, SIG_IGN);
    puts("passed");
    fflush(stdout);
    getchar();
    _exit(0);
}
