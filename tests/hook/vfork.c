/* SPDX-License-Identifier: MIT */
/* vfork prctl|syscall: uses a session, then has a child of vfork confine itself by a filter that allows everything, and uses the
 * session again. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_tls.h"

int main(int count, char **arguments)
{
    struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, filter};
    struct fake_context context;
    uint8_t bytes[100];
    size_t done;
    int status, with_prctl = count > 1 && strcmp(arguments[1], "prctl") == 0;
    fake_context_set(&context, 42, 0);
    fake_fill(42, 0, 0, bytes, sizeof bytes);
    void *ssl = SSL_new(&context);
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(with_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0
                         : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        return 1;
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
    SSL_free(ssl);
    return 0;
}
