/* SPDX-License-Identifier: MIT */
/* sandboxed prctl|syscall|none [before]: uses a session, puts a seccomp filter in force that kills on every system call which
 * the hook makes and this program does not, uses that session and another. With `before`, no session comes first. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake_tls.h"

#define KILL_ON(name)                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                  \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void use(void *ssl, uint64_t *offset)
{
    uint8_t bytes[100];
    size_t done;
    fake_fill(42, 0, *offset, bytes, sizeof bytes);
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
    *offset += done;
}

int main(int count, char **arguments)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        KILL_ON(memfd_create), KILL_ON(socket),      KILL_ON(connect),     KILL_ON(sendmsg), KILL_ON(futex),
        KILL_ON(mmap),         KILL_ON(mprotect),    KILL_ON(getsockname), KILL_ON(openat),  KILL_ON(getpid),
        KILL_ON(gettid),       KILL_ON(getpeername), KILL_ON(getsockopt),  KILL_ON(geteuid), KILL_ON(madvise),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct fake_context context;
    uint64_t offset = 0, other_offset = 0;
    const char *way = count > 1 ? arguments[1] : "none";
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context), *other = SSL_new(&context);
    if (count < 3)
        use(ssl, &offset);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (strcmp(way, "prctl") == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return 3;
    if (strcmp(way, "syscall") == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return 4;
    if (syscall(SYS_seccomp, 99, 0, NULL) != -1 || errno != EINVAL)
        return 5;
    for (unsigned i = 0; i < 4; i++) {
        usleep(30000); /* the agent goes to sleep: the next record would wake it */
        use(ssl, &offset);
    }
    for (unsigned i = 0; i < 5000; i++) /* fewer than the ring has slots */
        use(i % 2 == 0 ? ssl : other, i % 2 == 0 ? &offset : &other_offset);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_free(other);
    static const char fine[] = "fine\n";
    return write(1, fine, sizeof fine - 1) != sizeof fine - 1;
}
