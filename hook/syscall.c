/* SPDX-License-Identifier: MIT */
/* `syscall`, through which libseccomp puts filters in force.
 *
 * A C wrapper could not forward it: the number of arguments is unknown, and the system call behind it may return twice or on
 * another stack. So this ends in a jump that finds stack and argument registers as the caller left them. */
#include "libc.h"
#include "seccomp.h"

#define SET_MODE_STRICT 0
#define SET_MODE_FILTER 1

extern char syscall_missing[] __attribute__((visibility("hidden")));

/* Called below with the first four arguments of `syscall`; returns where to jump. */
__attribute__((used, visibility("hidden"))) void *syscall_target(long number, long operation, long flags,
                                                                 const void *filter)
{
    (void)flags;
    /* libseccomp probes with no filter: that changes nothing. */
    if (UNLIKELY(number == SYS_seccomp) &&
        (operation == SET_MODE_STRICT || (operation == SET_MODE_FILTER && filter != NULL)))
        seccomp_note();
    void *original = libc_get(LIBC_syscall);
    return LIKELY(original != NULL) ? original : syscall_missing;
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, @function\n"
        "syscall:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    push %rdi\n"
        "    push %rsi\n"
        "    push %rdx\n"
        "    push %rcx\n"
        "    push %r8\n"
        "    push %r9\n"
        "    sub $8, %rsp\n"
        "    .cfi_def_cfa_offset 64\n"
        "    call syscall_target\n"
        "    add $8, %rsp\n"
        "    pop %r9\n"
        "    pop %r8\n"
        "    pop %rcx\n"
        "    pop %rdx\n"
        "    pop %rsi\n"
        "    pop %rdi\n"
        "    .cfi_def_cfa_offset 8\n"
        "    jmp *%rax\n"
        "    .cfi_endproc\n"
        ".size syscall, . - syscall\n"
        /* No C library: fails without touching its errno. */
        ".type syscall_missing, @function\n"
        "syscall_missing:\n"
        "    mov $-1, %rax\n"
        "    ret\n"
        ".size syscall_missing, . - syscall_missing\n");
#else
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, %function\n"
        "syscall:\n"
        "    .cfi_startproc\n"
        "    stp x29, x30, [sp, #-80]!\n"
        "    .cfi_def_cfa_offset 80\n"
        "    .cfi_offset 29, -80\n"
        "    .cfi_offset 30, -72\n"
        "    stp x0, x1, [sp, #16]\n"
        "    stp x2, x3, [sp, #32]\n"
        "    stp x4, x5, [sp, #48]\n"
        "    stp x6, x7, [sp, #64]\n"
        "    bl syscall_target\n"
        "    mov x16, x0\n"
        "    ldp x0, x1, [sp, #16]\n"
        "    ldp x2, x3, [sp, #32]\n"
        "    ldp x4, x5, [sp, #48]\n"
        "    ldp x6, x7, [sp, #64]\n"
        "    ldp x29, x30, [sp], #80\n"
        "    .cfi_def_cfa_offset 0\n"
        "    br x16\n"
        "    .cfi_endproc\n"
        ".size syscall, . - syscall\n"
        ".type syscall_missing, %function\n"
        "syscall_missing:\n"
        "    mov x0, #-1\n"
        "    ret\n"
        ".size syscall_missing, . - syscall_missing\n");
#endif
