/* SPDX-License-Identifier: MIT */
/* confined WAY [forked]: passes records over a TLS connection, puts a seccomp filter in force by WAY, and goes on. The filter kills
 * on every system call but those that this program itself makes from then on. `forked`: in a child that had not used TLS. */
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tls_pair.h"

#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_brk), ALLOW(SYS_mmap), ALLOW(SYS_munmap), ALLOW(SYS_exit_group),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_fprog filter = {sizeof rules / sizeof *rules, rules};

static long raw(long number, long a, long b, long c)
{
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    result = x0;
#endif
    return result;
}

static void confine(const char *way)
{
    raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0);
    if (strcmp(way, "inline") == 0) {
        raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter);
    } else if (strcmp(way, "prctl") == 0) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
    } else if (strcmp(way, "syscall") == 0) {
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    } else { /* past the hook: dlsym, or a library loaded with RTLD_DEEPBIND */
        void *library = dlopen(strcmp(way, "dlsym") == 0 ? "libc.so.6" : way, RTLD_NOW | (way[0] == '/' ? RTLD_DEEPBIND : 0));
        long (*call)(long, ...) = (long (*)(long, ...))dlsym(library, way[0] == '/' ? "confining_syscall" : "syscall");
        call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    }
}

int main(int count, char **arguments)
{
    static char bytes[50000];
    struct tls_pair pair, second;
    if (count < 2)
        return 2;
    tls_pair_open(&pair);
    tls_pair_open(&second);
    if (count > 2) {
        pid_t child = fork();
        int status = 0;
        if (child != 0) {
            waitpid(child, &status, 0);
            return status == 0 ? 0 : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        }
    } else {
        tls_pair_pass(&pair, bytes, 100);
    }
    confine(arguments[1]);
    for (int i = 0; i < 400; i++) {
        tls_pair_pass(&pair, bytes, 100);
        tls_pair_pass(&second, bytes, 10000);
    }
    tls_pair_pass(&second, bytes, sizeof bytes);
    raw(SYS_write, 1, (long)"fine\n", 5);
    raw(SYS_exit_group, 0, 0, 0);
    return 1;
}
